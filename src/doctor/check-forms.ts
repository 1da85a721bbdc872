import { nextDelayed } from '../bullmq/job-ids.js';
import { jobKey } from '../bullmq/queue-keys.js';
import { parseStored, readStoredData } from '../bullmq/stored-job.js';
import { FORM } from '../jobs/form.js';
import { formOfJob } from '../jobs/job-data.js';
import { distinctPartitions } from '../layout/layouts.js';
import type { Layouts } from '../layout/layouts.js';
import type { Partition } from '../layout/partitions.js';
import type { Finding } from '../redis/requirements.js';
import { ok, warning } from './finding.js';
import { allLayouts } from './layouts.js';
import type { Masters } from './masters.js';

const SUBJECT = 'forms';

/** Workers put off jobs of newer forms, so that they are found among the delayed ones that come next. */
const LOOKED_AT = 100;

/** Whether jobs wait that a newer version of Tally has written, and which workers of this version leave alone. */
export async function checkForms(masters: Masters, layouts: Layouts, queues: readonly string[]): Promise<Finding[]> {
  const partitions = distinctPartitions(await allLayouts(layouts));
  const places = partitions.flatMap((partition) => queues.map((queue) => ({ partition, queue })));
  const newer = (await Promise.all(places.map(async (place) => await readNewer(masters, place)))).flat();
  return [
    newer.length === 0
      ? ok(SUBJECT, `no job was found of a newer form than ${FORM}`)
      : warning(
          SUBJECT,
          `jobs of form ${Math.max(...newer.map(({ form }) => form))} wait in ${[...new Set(newer.map(({ queue }) => queue))].join(', ')}, ` +
            `and workers of this version read up to ${FORM}: update the workers first, see docs/upgrading.md`,
        ),
  ];
}

async function readNewer(
  masters: Masters,
  { partition: { prefix, slot }, queue }: { partition: Partition; queue: string },
): Promise<{ queue: string; form: number }[]> {
  const place = { prefix, queue };
  const redis = masters.masterOf(slot)?.redis;
  if (redis === undefined) {
    return []; // its master is down, which has a line of its own
  }
  const ids = await nextDelayed(redis, place, LOOKED_AT);
  const texts = await Promise.all(ids.map((id) => readStoredData(redis, jobKey(place, id))));
  const forms = texts.map((text) => formOfJob(parseStored(text)) ?? 0);
  return forms.filter((form) => form > FORM).map((form) => ({ queue: place.queue, form }));
}
