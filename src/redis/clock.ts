import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { firstOf } from '../lib/first-of.js';
import type { Connection } from './connection.js';
import { addressOf } from './node-name.js';
import { toExactMs } from './server-time.js';
import { NO_SLOT } from './slots.js';
import type { Slot } from './slots.js';

const SAMPLE_INTERVAL_MS = 10_000;
const SAMPLES_KEPT = 6;

/** The clocks of two machines go apart by less than this between two samples. */
const CLOCK_ERROR_MS = 20;

/** Those of this process that know a time. */
const running = new Set<RedisClock>();

/** Has all clocks of this process ask Redis anew, after a test has moved its time. @internal */
export async function sampleClocks(): Promise<void> {
  await Promise.all([...running].map((clock) => clock.sample()));
}

/**
 * Tells Redis' time without asking Redis each time, so that a lease costs no round trip.
 *
 * A sample is `Redis time - monotonic time here at the arrival of the answer`. The answer is older than its arrival, so
 * a sample never overstates Redis' time; the largest of the last few is the nearest. An understated time only
 * makes a lease end early. The wall clock of this machine plays no part: it may be off by any amount, and be set.
 *
 * Each master of a Cluster has a time of its own, and so has the one that takes its place. A lease that is too long by the
 * difference does no harm: receipts outlive leases by minutes.
 */
export class RedisClock {
  /** By the address of the master. */
  readonly #offsetsMs = new Map<string, number[]>();
  #timer: NodeJS.Timeout | undefined;
  #latestMs = -Infinity;
  #closed = false;

  constructor(
    private readonly redis: Connection,
    private readonly logger: Logger,
  ) {}

  /**
   * Reads the time, and from then on again and again: who never asks for it costs Redis nothing.
   *
   * @throws when no master answers
   */
  async sample(): Promise<void> {
    this.#goOn();
    const { redis } = this;
    if (redis.isCluster && (redis.status !== 'ready' || redis.masters().length === 0)) {
      await redis.time(); // until then it takes for masters what it was pointed at, and ends those connections
    }
    const masters = redis.masters();
    await firstOf(masters.map((master) => this.#sample(master)));
    const addresses = new Set(masters.map(addressOf));
    for (const gone of [...this.#offsetsMs.keys()].filter((address) => !addresses.has(address))) {
      this.#offsetsMs.delete(gone);
    }
    this.#latestMs = Math.max(...[...this.#offsetsMs.values()].flat());
  }

  /**
   * Redis' time at a time of `performance.now()`, in ms, at most a little early: that of the master of a slot, or the latest of
   * all where there is no slot, or no such master is known. Needs a sample.
   */
  at(monotonicMs: number, slot: Slot): number {
    const master = slot === NO_SLOT ? undefined : this.redis.masterOf(slot);
    const offsets = master && this.#offsetsMs.get(addressOf(master));
    return offsets === undefined ? this.latestAt(monotonicMs) : Math.floor(monotonicMs + Math.max(...offsets));
  }

  /** The same of the master whose clock is ahead of all others. */
  latestAt(monotonicMs: number): number {
    return Math.floor(monotonicMs + this.#latestMs);
  }

  /** How far each master's clock is ahead of that of this machine, in ms, by its address. */
  wallOffsetsMs(): Map<string, number> {
    const sinceEpochMs = performance.now() - Date.now();
    return new Map([...this.#offsetsMs].map(([address, offsets]) => [address, sinceEpochMs + Math.max(...offsets)]));
  }

  /** Whether there is a sample. */
  get isKnown(): boolean {
    return this.#latestMs !== -Infinity;
  }

  close(): void {
    this.#closed = true;
    running.delete(this);
    clearInterval(this.#timer);
    this.#offsetsMs.clear();
  }

  #goOn(): void {
    if (this.#timer !== undefined || this.#closed) {
      return;
    }
    running.add(this);
    this.#timer = setInterval(() => {
      this.sample().catch((error: unknown) => {
        this.logger.debug({ err: error }, 'could not read the time of Redis');
      });
    }, SAMPLE_INTERVAL_MS);
    this.#timer.unref();
  }

  async #sample(master: Redis): Promise<void> {
    const askedAtMs = performance.now();
    const nowMs = toExactMs(await master.time());
    const address = addressOf(master);
    const before = this.#offsetsMs.get(address) ?? [];
    const wasSetBack = Math.max(...before) > nowMs - askedAtMs + CLOCK_ERROR_MS; // a sample never overstates
    const offsetMs = nowMs - performance.now();
    this.#offsetsMs.set(address, [...(wasSetBack ? [] : before), offsetMs].slice(-SAMPLES_KEPT));
  }
}
