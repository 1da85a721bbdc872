import type { Logger } from 'pino';
import { ClusterConnection } from '../redis/connection.js';
import type { Connection } from '../redis/connection.js';
import { readServerFacts } from '../redis/requirements.js';
import { SLOTS } from '../redis/slots.js';
import { ConnectedWorkers } from './connected-workers.js';
import { readQueue, sumReadings } from './queue-reading.js';
import type { QueueReading } from './queue-reading.js';
import { distinctPartitions } from '../jobs/used-partitions.js';
import type { UsedPartitions } from '../jobs/used-partitions.js';

/** What is read of Redis for one scrape. */
export interface RedisReading {
  /** Of all masters. */
  readonly usedMemoryBytes: number;
  /** 0 when one of them has no limit. */
  readonly maxmemoryBytes: number;
  readonly queues: readonly (QueueReading & {
    readonly queue: string;
    /** Of the partition that has the fewest; undefined where Redis does not let us list its clients. */
    readonly workers: number | undefined;
  })[];
}

export interface ReadingDeps {
  readonly redis: Connection;
  readonly partitions: UsedPartitions;
  readonly queues: readonly string[];
  readonly logger: Logger;
}

/** @throws whatever kept one of the masters from answering */
export async function readRedis({ redis, partitions, queues, logger }: ReadingDeps): Promise<RedisReading> {
  const [nowMs, ways] = await Promise.all([timeOf(redis), partitions.read()]);
  requireAllMasters(redis);
  const places = distinctPartitions(ways);
  const [facts, workers, ...readings] = await Promise.all([
    Promise.all(redis.masters().map((master) => readServerFacts(master))),
    readWorkers(redis, logger),
    ...queues.map((queue) => Promise.all(places.map(({ prefix }) => readQueue(redis, prefix, queue, nowMs)))),
  ]);
  return {
    usedMemoryBytes: facts.reduce((sum, { usedMemoryBytes }) => sum + usedMemoryBytes, 0),
    maxmemoryBytes: facts.every(({ maxmemoryBytes }) => maxmemoryBytes > 0)
      ? facts.reduce((sum, { maxmemoryBytes }) => sum + maxmemoryBytes, 0)
      : 0,
    queues: queues.map((queue, index) => ({
      queue,
      ...sumReadings(readings[index] ?? []),
      workers: workers && Math.min(...places.map((place) => workers.of(queue, place).length)),
    })),
  };
}

async function timeOf(redis: Connection): Promise<number> {
  const [seconds, microseconds] = (await redis.time()) as unknown as [number | string, number | string];
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}

/** The connection to a master that went away is forgotten: without this, the others would speak for it. */
function requireAllMasters(redis: Connection): void {
  if (!(redis instanceof ClusterConnection)) {
    return;
  }
  const masters = new Set(redis.masters().map(({ options: { host, port } }) => `${host}:${port}`));
  const owners = new Set(Array.from({ length: SLOTS }, (_, slot) => redis.slots[slot]?.[0] ?? 'nobody'));
  const away = [...owners].filter((owner) => !masters.has(owner));
  if (away.length > 0) {
    throw new Error(`no connection to masters of the Cluster that own slots: ${away.join(', ')}`);
  }
}

async function readWorkers(redis: Connection, logger: Logger): Promise<ConnectedWorkers | undefined> {
  try {
    return await ConnectedWorkers.read(redis);
  } catch (error) {
    logger.debug({ err: error }, 'could not list the clients of Redis, so tally_workers is left out');
    return undefined;
  }
}
