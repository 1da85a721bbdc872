import type { Redis } from 'ioredis';
import type { Logger } from 'pino';

const SAMPLE_INTERVAL_MS = 10_000;
const SAMPLES_KEPT = 6;

/**
 * Tells Redis' time without asking Redis each time, so that a lease costs no round trip.
 *
 * A sample is `Redis time - monotonic time here at the arrival of the answer`. The answer is older than its arrival, so
 * a sample never overstates Redis' time; the largest of the last few is the nearest. An understated time only
 * makes a lease end early. The wall clock of this machine plays no part: it may be off by any amount, and be set.
 */
export class RedisClock {
  #offsetsMs: number[] = [];
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
    const offsetMs = Number(seconds) * 1000 + Number(microseconds) / 1000 - performance.now();
    this.#offsetsMs = [...this.#offsetsMs, offsetMs].slice(-SAMPLES_KEPT);
  }

  /** Redis' time at a time of `performance.now()`, in ms, at most a little early. Needs a sample. */
  at(monotonicMs: number): number {
    return Math.floor(monotonicMs + Math.max(...this.#offsetsMs));
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
