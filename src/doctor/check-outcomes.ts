import { keptForMs, readKept } from '../jobs/kept-outcomes.js';
import { distinctPartitions } from '../layout/layouts.js';
import type { Layouts } from '../layout/layouts.js';
import type { Partition } from '../layout/partitions.js';
import type { Finding } from '../redis/requirements.js';
import { toMs } from '../redis/server-time.js';
import { ok, warning } from './finding.js';
import { allLayouts } from './layouts.js';
import type { Masters } from './masters.js';

const SUBJECT = 'outcomes';

/** Whether outcomes can be asked for as long as the workers were told to keep them. */
export async function checkOutcomes(masters: Masters, layouts: Layouts, queues: readonly string[]): Promise<Finding[]> {
  const partitions = distinctPartitions(await allLayouts(layouts));
  const places = partitions.flatMap((partition) => queues.map((queue) => ({ partition, queue })));
  const short = (await Promise.all(places.map((place) => readShort(masters, place)))).flat();
  const shortest = [...short].sort((a, b) => a.keptMs - b.keptMs)[0];
  if (shortest === undefined) {
    return [ok(SUBJECT, 'completed updates can be asked for as long as they are to be kept')];
  }
  const { queue, keptMs, ageMs } = shortest;
  return [
    warning(
      SUBJECT,
      `completed updates of ${queue} can be asked for only ${seconds(keptMs)} back instead of ${seconds(ageMs)}, because there were ` +
        'too many: if Redis has the memory, raise TALLY_KEEP_OUTCOMES_BYTES or TALLY_KEEP_OUTCOMES_UPDATES of the workers, see docs/scaling.md',
    ),
  ];
}

async function readShort(
  masters: Masters,
  { partition: { prefix, slot }, queue }: { partition: Partition; queue: string },
): Promise<{ queue: string; keptMs: number; ageMs: number }[]> {
  const redis = masters.masterOf(slot)?.redis;
  if (redis === undefined) {
    return []; // its master is down, which has a line of its own
  }
  const kept = await readKept(redis, { prefix, queue }, 'completed');
  const { ageMs = 0 } = kept;
  const keptMs = keptForMs(kept, toMs(await redis.time())) ?? ageMs;
  return keptMs < ageMs ? [{ queue, keptMs, ageMs }] : [];
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000).toLocaleString('en')} s`;
}
