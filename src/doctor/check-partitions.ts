import { countJobs } from '../bullmq/queue-state.js';
import type { Layout } from '../layout/layout.js';
import type { Layouts } from '../layout/layouts.js';
import type { Partition } from '../layout/partitions.js';
import type { Finding } from '../redis/requirements.js';
import { count, ok, warning } from './finding.js';
import { allLayouts } from './layouts.js';
import type { Masters } from './masters.js';

/** Each worker process holds a connection for each queue in each partition: with more, few workers use up a server. */
const MANY_CONNECTIONS = 500;

const SUBJECT = 'partitions';

/** How queues are and were split, where jobs still wait, and how the partitions lie on the masters. */
export async function checkPartitions(
  masters: Masters,
  layouts: Layouts,
  queues: readonly string[],
): Promise<Finding[]> {
  const { configured } = layouts;
  const [, ...others] = await allLayouts(layouts);
  if (!layouts.areKnown) {
    return [warning(SUBJECT, 'not checked: the master that knows them is unreachable')];
  }
  return [
    ok(SUBJECT, `${configured.describe()}; ${jobsOf(await countAll(masters, configured, queues))}`),
    ...(await Promise.all(others.map((layout) => judgeOther(masters, layout, queues)))).flat(),
    ...judgePlaces(masters, configured),
    ...judgeConnections(configured, queues),
  ];
}

async function judgeOther(masters: Masters, layout: Layout, queues: readonly string[]): Promise<Finding[]> {
  const jobs = await countAll(masters, layout, queues);
  if (jobs.unfinished + jobs.failed === 0) {
    return layout.count === undefined ? [] : [ok(SUBJECT, `${layout.describe()} before; no job is left there`)];
  }
  const hint =
    'workers serve these too; if no producer is still told so, they come to an end by themselves, but for failed ones';
  return [warning(SUBJECT, `${layout.describe()}, other than here: ${jobsOf(jobs)}; ${hint}`)];
}

function jobsOf({ unfinished, failed }: Jobs): string {
  return `${count(unfinished, 'job')} unfinished, ${failed.toLocaleString('en')} failed`;
}

interface Jobs {
  readonly unfinished: number;
  readonly failed: number;
}

async function countAll(masters: Masters, { partitions }: Layout, queues: readonly string[]): Promise<Jobs> {
  const counts = await Promise.all(
    partitions.flatMap((partition) => queues.map((queue) => countIn(masters, partition, queue))),
  );
  return {
    unfinished: counts.reduce((sum, { unfinished }) => sum + unfinished, 0),
    failed: counts.reduce((sum, { failed }) => sum + failed, 0),
  };
}

async function countIn(masters: Masters, { prefix, slot }: Partition, queue: string): Promise<Jobs> {
  const redis = masters.masterOf(slot)?.redis;
  if (redis === undefined) {
    return { unfinished: 0, failed: 0 }; // its master is down, which has a line of its own
  }
  const sets = ['waiting', 'active', 'prioritized', 'delayed', 'failed'] as const;
  const { failed, ...unfinished } = await countJobs(redis, { prefix, queue }, sets);
  return { unfinished: Object.values(unfinished).reduce((sum, count) => sum + count, 0), failed };
}

function judgePlaces(masters: Masters, { partitions }: Layout): Finding[] {
  const { isCluster, nodes } = masters;
  if (!isCluster) {
    return [];
  }
  const places = partitions.map(({ slot }) => masters.masterOf(slot)?.address);
  const held = nodes.map(({ address }) => places.filter((place) => place === address).length);
  const list = nodes.map(({ address }, place) => `${address} ${held[place] ?? 0}`).join(', ');
  const [least, most] = [Math.min(...held), Math.max(...held)];
  return [
    least === 0 || most > 2 * least + 1
      ? warning(SUBJECT, `they lie unevenly: ${list}; more partitions spread better, see TALLY_PARTITIONS`)
      : ok(SUBJECT, `they lie on the masters: ${list}`),
  ];
}

function judgeConnections({ partitions }: Layout, queues: readonly string[]): Finding[] {
  const connections = partitions.length * queues.length;
  return connections > MANY_CONNECTIONS
    ? [
        warning(
          SUBJECT,
          `a worker process holds ${count(connections, 'connection')} for them: give each a share, TALLY_PARTITION_SHARE, or split into fewer`,
        ),
      ]
    : [];
}
