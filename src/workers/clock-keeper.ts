import { announceClock } from '../redis/announced.js';
import type { RedisClock } from '../redis/clock.js';
import type { Connection } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';

/** Much less than what the announced time may lag behind. */
const EVERY_MS = 60_000;

/**
 * Announces Redis' time, so that what was reckoned in it stays true when the clock is set forward for a while and then
 * back: receipts that ended in the meantime are gone. In a Cluster there is one for each slot, and only those who use a slot
 * announce it there.
 */
export class ClockKeeper {
  #announcedMs = -Infinity;

  constructor(private readonly deps: { readonly redis: Connection; readonly keys: Keys; readonly clock: RedisClock }) {}

  async keep(): Promise<void> {
    const { redis, keys, clock } = this.deps;
    const nowMs = clock.at(performance.now());
    if (!redis.isCluster && nowMs > this.#announcedMs + EVERY_MS) {
      await announceClock(redis, keys.announced(), nowMs);
      this.#announcedMs = nowMs;
    }
  }
}
