import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { distinctPartitions } from '../layout/layouts.js';
import type { Layouts } from '../layout/layouts.js';
import type { Partition } from '../layout/partitions.js';
import type { Store } from '../layout/store.js';
import type { Connection } from '../redis/connection.js';
import { readServerFacts } from '../redis/requirements.js';
import { toExactMs } from '../redis/server-time.js';
import { ConnectedWorkers } from './connected-workers.js';
import type { MasterProbe } from '../redis/master-probe.js';
import { nodeName } from '../redis/node-name.js';
import { readQueue, summarize } from './queue-reading.js';
import type { QueueSummary } from './queue-reading.js';

/** What is read of Redis for one scrape. */
export interface RedisReading {
  /** Whether all masters answered. */
  readonly isWhole: boolean;
  /** Those that did. */
  readonly nodes: readonly NodeReading[];
  readonly queues: readonly (QueueSummary & {
    readonly queue: string;
    /** Of the partition that has the fewest; undefined where that is not known. */
    readonly workers: number | undefined;
  })[];
}

interface NodeReading {
  readonly node: string;
  readonly usedMemoryBytes: number;
  /** 0 when it has no limit. */
  readonly maxmemoryBytes: number;
}

/** Where is read, and of which queues. */
export interface ReadFrom extends Pick<Store, 'redis' | 'masters' | 'layouts' | 'logger'> {
  readonly queues: readonly string[];
}

/** A partition; undefined when it can't be read, or when it is not known which others there are. */
type Place = Partition | undefined;

/** @throws whatever kept a master from answering that did answer a moment before, or the one server */
export async function readRedis({ redis, masters, layouts, queues, logger }: ReadFrom): Promise<RedisReading> {
  const { answering, faults } = await masters.look();
  const [first] = answering;
  if (first === undefined) {
    throw new Error(faults.join('; '));
  }
  const [time, places] = await Promise.all([first.time(), placesOf(masters, layouts)]);
  const nowMs = toExactMs(time);
  const [nodes, workers, ...readings] = await Promise.all([
    Promise.all(answering.map(readNode)),
    readWorkers(redis, answering, logger),
    ...queues.map((queue) =>
      Promise.all(places.map(async (place) => place && (await readQueue(redis, place.prefix, queue, nowMs)))),
    ),
  ]);
  return {
    isWhole: faults.length === 0,
    nodes,
    queues: queues.map((queue, index) => ({
      queue,
      ...summarize(readings[index] ?? []),
      workers: workers && fewest(places.map((place) => place && workers.of(queue, place).length)),
    })),
  };
}

async function placesOf(masters: MasterProbe, layouts: Layouts): Promise<Place[]> {
  const all = distinctPartitions(await layouts.known());
  const faults = await Promise.all(all.map(({ slot }) => masters.faultOf(slot)));
  const places = all.map((place, index) => (faults[index] === undefined ? place : undefined));
  return layouts.areKnown ? places : [...places, undefined];
}

async function readNode(master: Redis): Promise<NodeReading> {
  const { usedMemoryBytes, maxmemoryBytes } = await readServerFacts(master);
  return { node: nodeName(master), usedMemoryBytes, maxmemoryBytes };
}

/** None is the fewest, whatever is not known. */
function fewest(counts: readonly (number | undefined)[]): number | undefined {
  const known = counts.flatMap((count) => count ?? []);
  const least = Math.min(...known);
  return least === 0 || known.length === counts.length ? least : undefined;
}

async function readWorkers(
  redis: Connection,
  masters: readonly Redis[],
  logger: Logger,
): Promise<ConnectedWorkers | undefined> {
  try {
    return await ConnectedWorkers.read(redis, masters);
  } catch (error) {
    logger.debug({ err: error }, 'could not list the clients of Redis, so tally_workers is left out');
    return undefined;
  }
}
