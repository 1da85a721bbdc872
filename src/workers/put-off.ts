import { DelayedError } from 'bullmq';
import type { Job } from 'bullmq';
import type { Logger } from 'pino';
import { backoffMs } from '../jobs/job-options.js';
import type { Connection } from '../redis/connection.js';
import { NotReplicatedError } from '../redis/replicas.js';
import { isClusterInMotion } from './failures.js';

/** What moves in a Cluster comes to rest within seconds. */
const LONGEST_DELAY_MS = 2_000;

/** While a slot moves, there may be thousands of jobs for it. */
const LOG_EVERY_MS = 5_000;

/** Delays jobs whose attempt could not be made, or confirmed, for a reason that passes by itself. */
export class PutOff {
  #jobs = 0;
  #loggedAtMs = -Infinity;

  constructor(private readonly deps: { readonly redis: Connection; readonly logger: Logger }) {}

  /**
   * Delays a job if the error is such a reason: it does not count as an attempt then. What the job applied answers from its
   * receipts next time.
   *
   * @throws DelayedError, BullMQ's sign that the job is put off
   */
  async ifPassing(error: unknown, job: Job, token: string): Promise<void> {
    const { redis } = this.deps;
    if (!(error instanceof NotReplicatedError || (redis.isCluster && isClusterInMotion(error)))) {
      return;
    }
    const delayMs = Math.min(LONGEST_DELAY_MS, backoffMs(job.attemptsStarted - job.attemptsMade));
    await job.moveToDelayed(Date.now() + delayMs, token);
    this.#log(error as Error, job);
    throw new DelayedError();
  }

  #log({ message }: Error, { queueName: queue, id: jobId }: Job): void {
    this.#jobs += 1;
    if (performance.now() - this.#loggedAtMs > LOG_EVERY_MS) {
      const what = `put off ${this.#jobs} ${this.#jobs === 1 ? 'job' : 'jobs'}, the latest because: ${message}`;
      this.deps.logger.warn({ queue, jobId }, what);
      this.#jobs = 0;
      this.#loggedAtMs = performance.now();
    }
  }
}
