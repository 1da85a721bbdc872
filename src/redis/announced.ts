import type { RedisClient } from './connection.js';
import type { Keys } from './keys.js';
import { NO_SLOT } from './slots.js';
import type { Slot } from './slots.js';

/**
 * What all under a namespace have to know of, in a sorted set whose scores only ever rise (`ZADD GT`), but for one: the largest window of
 * idempotency keys that anybody uses, and the latest time that Redis' clock has shown. `lua/apply.lua` reads it. In a
 * Cluster there is one in each slot that has keyed updates, beside their receipts.
 */
const WINDOW = 'window-ms';
const CLOCK = 'clock-ms';

/** Says nothing. Changing its score is a write that changes nothing else. */
const TOUCHED = 'touched';

/**
 * How far the announced time may lag behind Redis' clock. Receipts of keys live for ten minutes longer than their window, so
 * this may be off. The same number stands in `lua/apply.lua`.
 */
export const CLOCK_STEP_MS = 5 * 60_000;

/** Announces the window, before the first use of it. */
export function announceWindow(redis: Pick<RedisClient, 'zadd'>, key: string, windowMs: number): Promise<unknown> {
  return redis.zadd(key, 'GT', windowMs, WINDOW);
}

/** Announces the time, so that it is remembered when Redis' clock is set back. */
export function announceClock(redis: Pick<RedisClient, 'zadd'>, key: string, nowMs: number): Promise<unknown> {
  return redis.zadd(key, 'GT', nowMs, CLOCK);
}

/** Writes something, so that replicas can confirm what the connection has read there before: the same score would be no write. */
export function touchAnnounced(redis: Pick<RedisClient, 'zadd'>, key: string): Promise<unknown> {
  return redis.zadd(key, Math.random(), TOUCHED);
}

/** Announces in all slots, as a Cluster has it, what is announced on one server. */
export async function copyAnnounced(redis: RedisClient, keys: Pick<Keys, 'announced'>, slots: number): Promise<void> {
  const [windowMs, clockMs] = await Promise.all(
    [WINDOW, CLOCK].map((name) => redis.zscore(keys.announced(NO_SLOT), name)),
  );
  if (windowMs && clockMs) {
    const inSlots = Array.from({ length: slots }, (_, slot) => keys.announced(slot));
    await Promise.all(inSlots.map((key) => redis.zadd(key, 'GT', windowMs, WINDOW, clockMs, CLOCK)));
  }
}

/** What this process knows of the announced time. */
export class AnnouncedClock {
  readonly #knownMs = new Map<Slot, number>();

  constructor(private readonly deps: { readonly redis: RedisClient; readonly keys: Pick<Keys, 'announced'> }) {}

  /** The latest time that this process knows to be announced in a slot; undefined if it knows none. */
  knownAt(slot: Slot): number | undefined {
    return this.#knownMs.get(slot);
  }

  async read(slot: Slot): Promise<void> {
    this.#note(slot, Number((await this.deps.redis.zscore(this.deps.keys.announced(slot), CLOCK)) ?? 0));
  }

  async raise(nowMs: number, slot: Slot): Promise<void> {
    await announceClock(this.deps.redis, this.deps.keys.announced(slot), nowMs);
  }

  #note(slot: Slot, ms: number): void {
    this.#knownMs.set(slot, Math.max(ms, this.#knownMs.get(slot) ?? 0));
  }
}
