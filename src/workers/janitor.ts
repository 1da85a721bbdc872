import type { RedisClient } from '../redis/connection.js';
import type { Logger } from 'pino';
import { KEEP_COMPLETED, KEEP_FAILED } from '../jobs/job-options.js';
import type { TallyQueue } from '../jobs/queues.js';
import type { RedisClock } from '../redis/clock.js';
import type { Script, ScriptRunner } from '../redis/scripts.js';
import { takeUpPutOffJobs } from './promote-skewed-retries.js';

const INTERVAL_MS = 5_000;
const MAX_PER_CALL = 1_000;

interface Kept {
  /** Seconds. */
  readonly age: number;
  readonly count: number;
}

/**
 * Keeps the queues in order: takes up jobs that a wrong clock has put off, and removes jobs that have been kept long
 * enough by Redis' clock, oldest first. BullMQ can do so whenever a job ends, but that costs Redis 18 of 117 us for each job that it
 * completes, and in a quiet queue nothing ends and old jobs would outlive their receipts.
 */
export class Janitor {
  readonly #timer: NodeJS.Timeout;
  #cleaning: Promise<void> | undefined;

  constructor(
    private readonly queues: readonly TallyQueue[],
    private readonly deps: {
      readonly redis: RedisClient;
      readonly clock: RedisClock;
      readonly scripts: ScriptRunner;
      readonly retire: Script;
      readonly logger: Logger;
    },
  ) {
    this.#timer = setInterval(() => void this.clean(), INTERVAL_MS);
    this.#timer.unref();
  }

  /** Resolves when all is in order, or could not be brought to it. */
  clean(): Promise<void> {
    this.#cleaning ??= this.#clean().finally(() => {
      this.#cleaning = undefined;
    });
    return this.#cleaning;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #clean(): Promise<void> {
    for (const queue of this.queues) {
      try {
        await this.#cleanOne(queue);
      } catch (error) {
        const what = 'could not bring the queue in order, trying again soon';
        this.deps.logger.debug({ err: error, queue: queue.name }, what);
      }
    }
  }

  async #cleanOne(queue: TallyQueue): Promise<void> {
    const { redis, clock, logger } = this.deps;
    const takenUp = await takeUpPutOffJobs(queue, redis, clock.latestAt(performance.now()));
    if (takenUp.length > 0) {
      const what = "took up jobs whose retry was put off by more than any backoff: a worker's clock is ahead";
      logger.warn({ queue: queue.name, jobs: takenUp.length, jobId: takenUp[0] }, what);
    }
    await this.#retire(queue, 'completed', KEEP_COMPLETED);
    await this.#retire(queue, 'failed', KEEP_FAILED);
  }

  async #retire(queue: TallyQueue, state: 'completed' | 'failed', { age, count }: Kept): Promise<void> {
    const { scripts, retire } = this.deps;
    let looked: number;
    do {
      const args = [queue.toKey(''), age * 1000, count, MAX_PER_CALL];
      looked = (await scripts.run(retire, [queue.toKey(state)], args)) as number;
    } while (looked >= MAX_PER_CALL);
  }
}
