import { coalesce } from '../lib/coalesce.js';
import type { RedisClient } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { NO_SLOT, SLOTS } from '../redis/slots.js';
import type { Slot } from '../redis/slots.js';

/**
 * Where outcomes are told. One server has one stream. A script can write one only on its own master, so a Cluster has one in a slot of
 * each: its master, when a worker chose it (`src/workers/stream-choice.ts`). When slots move, a stream may come to another
 * master, and its first one chooses another slot; the old stream is there to be read to its end. So workers announce each before
 * its first entry, and readers follow all that were ever announced: those found later hold nothing that is older.
 */
export interface ToldStream {
  readonly slot: Slot;
  readonly key: string;
  /** Whether a worker has announced it lately: others are looked at now and then, and cost no connection. */
  readonly isInUse: boolean;
}

/** Workers announce the streams that they use so often. */
export const ANNOUNCE_EVERY_MS = 20_000;

const IN_USE_MS = 15 * ANNOUNCE_EVERY_MS;

/** On a Cluster, how long a stream may be unknown to a reader. */
export const LOOK_FOR_STREAMS_MS = 1_000;

type StreamKeys = Pick<Keys, 'outcomes' | 'outcomesIn' | 'outcomeStreams'>;

/** Reads which there are. On one server always the one, whether it exists or not. */
export async function readStreams(
  redis: Pick<RedisClient, 'isCluster' | 'zrange'>,
  keys: StreamKeys,
): Promise<readonly ToldStream[]> {
  if (!redis.isCluster) {
    return [{ slot: NO_SLOT, key: keys.outcomes, isInUse: true }];
  }
  return await readAnnounced(redis, keys);
}

/** The same of a Cluster. @param redis its master that holds the set, or all of it */
export async function readAnnounced(redis: Pick<RedisClient, 'zrange'>, keys: StreamKeys): Promise<ToldStream[]> {
  const texts = await redis.zrange(keys.outcomeStreams, '0', '-1', 'WITHSCORES');
  const scores = texts.filter((_, place) => place % 2 === 1).map(Number);
  const latestMs = Math.max(...scores);
  return texts
    .filter((_, place) => place % 2 === 0)
    .map((text, place) => ({ slot: Number(text), atMs: scores[place] ?? 0 }))
    .filter(({ slot }) => Number.isInteger(slot) && slot >= 0 && slot < SLOTS)
    .sort((one, other) => one.slot - other.slot)
    .map(({ slot, atMs }) => ({ slot, key: keys.outcomesIn(slot), isInUse: atMs > latestMs - IN_USE_MS }));
}

/** Those that a process knows of, asked for anew now and then. */
export class KnownStreams {
  #known: readonly ToldStream[] | undefined;
  #askedAtMs = -Infinity;
  readonly #ask: () => Promise<void>;

  constructor(redis: Pick<RedisClient, 'isCluster' | 'zrange'>, keys: StreamKeys) {
    this.#ask = coalesce(async () => {
      const atMs = performance.now();
      this.#known = await readStreams(redis, keys);
      this.#askedAtMs = redis.isCluster ? atMs : Infinity;
    });
  }

  /** As they were within the last second. @throws what Redis says, as long as none were ever read */
  async list(): Promise<readonly ToldStream[]> {
    if (this.#known === undefined) {
      await this.#ask();
    } else if (performance.now() - this.#askedAtMs > LOOK_FOR_STREAMS_MS) {
      await this.#ask().catch(() => undefined); // the master that tells may be away, and others not
    }
    return this.#known ?? [];
  }

  /** As they are now: where something may be missed between. */
  async fresh(): Promise<readonly ToldStream[]> {
    await this.#ask();
    return this.#known ?? [];
  }
}
