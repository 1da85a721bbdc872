import { QueueKeys } from 'bullmq';
import { PartitionCounts } from '../../src/jobs/partition-counts.js';
import { Partitions } from '../../src/jobs/partitions.js';
import type { Partition, PartitionCount } from '../../src/jobs/partitions.js';
import { createRegistry } from '../../src/operations/registry.js';
import { createKeys } from '../../src/redis/keys.js';
import type { Namespace } from '../../src/redis/keys.js';
import type { Finding } from '../../src/redis/requirements.js';
import { slotOf } from '../../src/redis/slots.js';
import { count, ok, warning } from './finding.js';
import type { Masters } from './masters.js';

export interface PartitionSettings extends Namespace {
  /** As this process is told to split queues. */
  readonly partitions: PartitionCount;
}

/** All the ways in which queues are or were split; only this process' own while the master that knows them is away. */
export async function readPartitions(masters: Masters, settings: PartitionSettings): Promise<Partitions[]> {
  const { prefix, partitions: own } = settings;
  const keys = createKeys(settings);
  const holder = masters.masterOf(slotOf(keys.partitionCounts));
  const announced = holder === undefined ? [] : await new PartitionCounts(holder.redis, keys).read();
  const counts = new Set([own, ...(masters.isCluster ? [] : [undefined]), ...announced]);
  return [...counts].map((count) => new Partitions(prefix, count));
}

/** Each worker process holds a connection for each queue in each partition: with more, few workers use up a server. */
const MANY_CONNECTIONS = 500;

const SUBJECT = 'partitions';

/** How queues are and were split, where jobs still wait, and how the partitions lie on the masters. */
export async function checkPartitions(masters: Masters, settings: PartitionSettings): Promise<Finding[]> {
  const { partitionCounts } = createKeys(settings);
  const holder = masters.masterOf(slotOf(partitionCounts));
  if (holder === undefined) {
    return [warning(SUBJECT, 'not checked: the master that knows them is away')];
  }
  try {
    const announced = await new PartitionCounts(holder.redis, createKeys(settings)).read();
    const own = settings.partitions;
    const unsplit = masters.isCluster ? [] : [undefined];
    const others = [...unsplit, ...announced].filter((number) => number !== own);
    return [
      await judgeOwn(masters, settings, own),
      ...(await Promise.all(others.map((number) => judgeOther(masters, settings, number)))).flat(),
      ...judgePlaces(masters, new Partitions(settings.prefix, own)),
      ...judgeConnections(own),
    ];
  } catch (error) {
    return [ok(SUBJECT, `can't be checked: ${(error as Error).message}`)];
  }
}

async function judgeOwn(masters: Masters, settings: PartitionSettings, own: PartitionCount): Promise<Finding> {
  const jobs = await countJobs(masters, new Partitions(settings.prefix, own));
  return ok(SUBJECT, `${describe(own)}; ${jobsOf(jobs)}`);
}

async function judgeOther(masters: Masters, settings: PartitionSettings, number: PartitionCount): Promise<Finding[]> {
  const jobs = await countJobs(masters, new Partitions(settings.prefix, number));
  if (jobs.unfinished + jobs.failed === 0) {
    return number === undefined ? [] : [ok(SUBJECT, `${describe(number)} before; no job is left there`)];
  }
  const hint =
    'workers serve these too; if no producer is still told so, they come to an end by themselves, but for failed ones';
  return [warning(SUBJECT, `${describe(number)}, other than here: ${jobsOf(jobs)}; ${hint}`)];
}

function describe(number: PartitionCount): string {
  return number === undefined ? 'queues are not split' : `queues are split into ${number}`;
}

function jobsOf({ unfinished, failed }: Jobs): string {
  return `${count(unfinished, 'job')} unfinished, ${failed.toLocaleString('en')} failed`;
}

interface Jobs {
  readonly unfinished: number;
  readonly failed: number;
}

async function countJobs(masters: Masters, { all }: Partitions): Promise<Jobs> {
  const counts = await Promise.all(
    all.flatMap((partition) => createRegistry().queues.map((queue) => countIn(masters, partition, queue))),
  );
  return {
    unfinished: counts.reduce((sum, { unfinished }) => sum + unfinished, 0),
    failed: counts.reduce((sum, { failed }) => sum + failed, 0),
  };
}

async function countIn(masters: Masters, { prefix }: Partition, queue: string): Promise<Jobs> {
  const redis = masters.masterOf(slotOf(`${prefix}:`))?.redis;
  if (redis === undefined) {
    return { unfinished: 0, failed: 0 }; // its master is down, which has a line of its own
  }
  const toKey = (type: string) => new QueueKeys(prefix).toKey(queue, type);
  const [waiting, active, prioritized, delayed, failed] = await Promise.all([
    redis.llen(toKey('wait')),
    redis.llen(toKey('active')),
    redis.zcard(toKey('prioritized')),
    redis.zcard(toKey('delayed')),
    redis.zcard(toKey('failed')),
  ]);
  return { unfinished: waiting + active + prioritized + delayed, failed };
}

function judgePlaces(masters: Masters, { all }: Partitions): Finding[] {
  const { isCluster, nodes } = masters;
  if (!isCluster) {
    return [];
  }
  const places = all.map(({ prefix }) => masters.masterOf(slotOf(`${prefix}:`))?.address);
  const held = nodes.map(({ address }) => places.filter((place) => place === address).length);
  const list = nodes.map(({ address }, place) => `${address} ${held[place] ?? 0}`).join(', ');
  const [least, most] = [Math.min(...held), Math.max(...held)];
  return [
    least === 0 || most > 2 * least + 1
      ? warning(SUBJECT, `they lie unevenly: ${list}; more partitions spread better, see TALLY_PARTITIONS`)
      : ok(SUBJECT, `they lie on the masters: ${list}`),
  ];
}

function judgeConnections(own: PartitionCount): Finding[] {
  const connections = (own ?? 1) * createRegistry().queues.length;
  return connections > MANY_CONNECTIONS
    ? [
        warning(
          SUBJECT,
          `a worker process holds ${count(connections, 'connection')} for them: give each a share, TALLY_PARTITION_SHARE, or split into fewer`,
        ),
      ]
    : [];
}
