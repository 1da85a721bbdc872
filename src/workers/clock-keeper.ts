import type { Receipts } from '../layout/receipts.js';
import type { AnnouncedClock } from '../redis/announced.js';
import type { RedisClock } from '../redis/clock.js';

/** Much less than what the announced time may lag behind. */
const EVERY_MS = 60_000;

/**
 * Announces Redis' time, so that what was reckoned in it stays true when the clock is set forward for a while and then
 * back: receipts that ended in the meantime are gone. In a Cluster there is one for each slot, and only those who use a slot
 * announce it there.
 */
export class ClockKeeper {
  #announcedMs = -Infinity;

  constructor(
    private readonly receipts: Receipts,
    private readonly announced: AnnouncedClock,
    private readonly clock: RedisClock,
  ) {}

  async keep(): Promise<void> {
    const nowMs = this.clock.latestAt(performance.now());
    if (nowMs > this.#announcedMs + EVERY_MS) {
      await Promise.all(this.receipts.commonSlots.map((slot) => this.announced.raise(nowMs, slot)));
      this.#announcedMs = nowMs;
    }
  }
}
