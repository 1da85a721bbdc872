import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { distinctPartitions } from '../layout/layouts.js';
import type { Layouts } from '../layout/layouts.js';
import type { Partition } from '../layout/partitions.js';
import type { Store } from '../layout/store.js';
import type { Connection } from '../redis/connection.js';
import { readServerFacts } from '../redis/requirements.js';
import type { ServerFacts } from '../redis/requirements.js';
import { readClockOffset, toExactMs } from '../redis/server-time.js';
import { tryWrite } from '../redis/try-write.js';
import { withDeadline } from '../lib/timeouts.js';
import { refusalBehind } from '../redis/ask-redis.js';
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
    /** Workers of other programs, in all partitions that could be read; undefined where that is not known. */
    readonly foreignWorkers: number | undefined;
  })[];
}

export interface NodeReading {
  readonly node: string;
  readonly facts: ServerFacts;
  /** Whether it takes writes; undefined where that can't be told, as with a user who may not write. */
  readonly takesWrites: boolean | undefined;
  /** How far its clock is ahead of that of this machine. */
  readonly clockOffsetMs: number;
}

/** Where is read, and of which queues. */
export interface ReadFrom extends Pick<Store, 'redis' | 'masters' | 'layouts' | 'logger'> {
  /** First part of BullMQ's keys. */
  readonly prefix: string;
  readonly queues: readonly string[];
}

/** What does not answer a write by then is told by what else it does not answer. */
const WRITE_TIMEOUT_MS = 1_000;

/** A partition; undefined when it can't be read, or when it is not known which others there are. */
type Place = Partition | undefined;

/** @throws whatever kept a master from answering that did answer a moment before, or the one server */
export async function readRedis(source: ReadFrom): Promise<RedisReading> {
  const { redis, masters, layouts, queues, logger } = source;
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
  // Last: a connection that is refused by a replica leaves it, with all that is under way.
  const writes = await Promise.all(answering.map((master) => takesWrites(source, master)));
  return {
    isWhole: faults.length === 0,
    nodes: nodes.map((node, index) => ({ ...node, takesWrites: writes[index] })),
    queues: queues.map((queue, index) => ({
      queue,
      ...summarize(readings[index] ?? []),
      workers: workers && fewest(places.map((place) => place && workers.of(queue, place).length)),
      foreignWorkers:
        workers && places.reduce((sum, place) => sum + (place ? workers.othersOf(queue, place).length : 0), 0),
    })),
  };
}

async function placesOf(masters: MasterProbe, layouts: Layouts): Promise<Place[]> {
  const all = distinctPartitions(await layouts.known());
  const faults = await Promise.all(all.map(({ slot }) => masters.faultOf(slot)));
  const places = all.map((place, index) => (faults[index] === undefined ? place : undefined));
  return layouts.areKnown ? places : [...places, undefined];
}

async function readNode(master: Redis): Promise<Omit<NodeReading, 'takesWrites'>> {
  const [facts, clockOffsetMs] = await Promise.all([readServerFacts(master), readClockOffset(master)]);
  return { node: nodeName(master), facts, clockOffsetMs };
}

/** A user who may not write says nothing of the server. */
async function takesWrites({ redis, prefix }: ReadFrom, master: Redis): Promise<boolean | undefined> {
  try {
    const refusal = await withDeadline(tryWrite(redis, master, prefix), WRITE_TIMEOUT_MS);
    return refusal?.code === 'NOPERM' ? undefined : refusal === undefined;
  } catch (error) {
    return refusalBehind(error as Error, redis) === undefined ? undefined : false;
  }
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
