import type { Redis } from 'ioredis';
import type { Logger } from 'pino';

const SAMPLE_INTERVAL_MS = 10_000;
const SAMPLES_KEPT = 6;
const STEP_MS = 1_000;

/**
 * Tells Redis' time without asking Redis each time, so that a lease costs no round trip.
 *
 * A sample is `Redis time - local time at the arrival of the answer`. The answer is older than its arrival, so
 * a sample never overstates Redis' time; the largest of the last few is the nearest. An understated time only
 * makes a lease end early. The local clock may be off by any amount; when it is set while running, samples
 * from before are dropped.
 */
export class RedisClock {
  #offsetsMs: number[] = [];
  #wallMinusMonotonicMs = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly redis: Redis,
    private readonly logger: Logger,
  ) {
    this.#timer = setInterval(() => {
      this.sample().catch((error: unknown) => {
        this.logger.debug({ err: error }, 'could not read the time of Redis');
      });
    }, SAMPLE_INTERVAL_MS);
    this.#timer.unref();
  }

  async sample(): Promise<void> {
    const [seconds, microseconds] = (await this.redis.time()) as unknown as [number | string, number | string];
    const offsetMs = Number(seconds) * 1000 + Number(microseconds) / 1000 - Date.now();
    if (this.#wasSet()) {
      this.#offsetsMs = [];
      this.#wallMinusMonotonicMs = Date.now() - performance.now();
    }
    this.#offsetsMs = [...this.#offsetsMs, offsetMs].slice(-SAMPLES_KEPT);
  }

  /** Redis' time at a local time of this process, in ms, at most a little early. */
  async atLocalTime(localMs: number): Promise<number> {
    if (this.#offsetsMs.length === 0 || this.#wasSet()) {
      await this.sample();
    }
    // No time is later than now: the clock may have been set back since that time was taken.
    return Math.floor(Math.min(localMs, Date.now()) + Math.max(...this.#offsetsMs));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Whether the local clock was set since the samples were taken: it moved against the monotonic clock. */
  #wasSet(): boolean {
    return Math.abs(Date.now() - performance.now() - this.#wallMinusMonotonicMs) > STEP_MS;
  }
}
