import type { RedisClient } from '../redis/connection.js';
import type { Logger } from 'pino';
import { KEEP_COMPLETED, KEEP_FAILED } from '../jobs/job-options.js';
import type { TallyQueue } from '../jobs/queues.js';
import type { RedisClock } from '../redis/clock.js';
import { takeUpPutOffJobs } from './put-off-jobs.js';

const INTERVAL_MS = 5_000;
const MAX_PER_CALL = 1_000;

/**
 * Keeps the queues in order: takes up jobs that a wrong clock has put off, and removes jobs that have been kept long
 * enough, oldest first. BullMQ can do so whenever a job ends, but that costs Redis 18 of 117 us for each job that it
 * completes, and in a quiet queue nothing ends and old jobs would outlive their receipts.
 */
export class Janitor {
  readonly #timer: NodeJS.Timeout;
  #cleaning: Promise<void> | undefined;

  constructor(
    private readonly queues: readonly TallyQueue[],
    private readonly deps: { readonly redis: RedisClient; readonly clock: RedisClock; readonly logger: Logger },
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
    const takenUp = await takeUpPutOffJobs(queue, redis, clock.at(performance.now()));
    if (takenUp.length > 0) {
      const what = "took up jobs whose retry was put off by more than any backoff: a worker's clock is ahead";
      logger.warn({ queue: queue.name, jobs: takenUp.length, jobId: takenUp[0] }, what);
    }
    await removeSurplus(queue, 'completed', KEEP_COMPLETED);
    await removeSurplus(queue, 'failed', KEEP_FAILED);
  }
}

async function removeSurplus(
  queue: TallyQueue,
  state: 'completed' | 'failed',
  { age, count }: { age: number; count: number },
): Promise<void> {
  let removed: string[];
  do {
    removed = await queue.clean(age * 1000, MAX_PER_CALL, state);
  } while (removed.length === MAX_PER_CALL);
  let surplus = (await queue.getJobCountByTypes(state)) - count;
  while (surplus > 0) {
    removed = await queue.clean(0, Math.min(surplus, MAX_PER_CALL), state);
    surplus = removed.length === 0 ? 0 : surplus - removed.length;
  }
}
