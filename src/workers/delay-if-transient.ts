import type { Job } from 'bullmq';
import { bullmq } from '../bullmq/bullmq.js';
import type { Logger } from 'pino';
import { FORM } from '../jobs/form.js';
import { formOfJob } from '../jobs/job-data.js';
import { backoffMs, LONGEST_BACKOFF_MS } from '../jobs/job-options.js';
import type { WorkerMetrics } from '../metrics/worker-metrics.js';
import type { Connection } from '../redis/connection.js';
import { NotReplicatedError } from '../redis/replicas.js';
import { isClusterInMotion } from './failures.js';

/** What moves in a Cluster comes to rest within seconds. */
const LONGEST_DELAY_MS = 2_000;

/** A worker that can read it may be there by then. */
const NEWER_FORM_DELAY_MS = 30_000;

/** While a slot moves, there may be thousands of jobs for it. */
const LOG_EVERY_MS = 5_000;

/** Delays jobs whose attempt could not be made, or confirmed, for a reason that passes by itself. */
export class JobDelays {
  #jobs = 0;
  #loggedAtMs = -Infinity;
  /** When each job of a newer form was put off last, by queue and id. */
  readonly #newer = new Map<string, Map<string, number>>();

  constructor(
    private readonly deps: {
      readonly redis: Connection;
      readonly metrics: WorkerMetrics | undefined;
      readonly logger: Logger;
    },
  ) {}

  /**
   * Delays a job that a newer version of Tally has written: it does not count as an attempt, and waits for a newer worker.
   *
   * @throws DelayedError, BullMQ's sign that the job is put off
   */
  async ifNewer(job: Job, token: string): Promise<void> {
    const form = formOfJob(job.data) ?? FORM;
    if (form > FORM) {
      await this.#delayNewer(job, token, `it has form ${form}, and this worker reads up to ${FORM}`);
    }
  }

  /**
   * Delays a job if the error is such a reason: it does not count as an attempt then. What the job applied answers from its
   * receipts next time.
   *
   * @throws DelayedError, BullMQ's sign that the job is put off
   */
  async ifTransient(error: unknown, job: Job, token: string): Promise<void> {
    const { redis } = this.deps;
    if (error instanceof Error && error.name === 'ReplyError' && error.message.startsWith('NEWER_FORM')) {
      await this.#delayNewer(job, token, error.message);
    }
    if (!(error instanceof NotReplicatedError || (redis.isCluster && isClusterInMotion(error)))) {
      return;
    }
    await this.#delay(error as Error, job, token, LONGEST_DELAY_MS);
  }

  /**
   * Delays a job that has failed for good, or was cancelled, while that can't be told in the stream of outcomes.
   *
   * @throws DelayedError, BullMQ's sign that the job is put off
   */
  async untilTold(error: unknown, job: Job, token: string): Promise<never> {
    const why = `its end can not be told in the stream of outcomes (${(error as Error).message})`;
    return await this.#delay(new Error(why, { cause: error }), job, token, LONGEST_BACKOFF_MS);
  }

  async #delay(error: Error, job: Job, token: string, longestMs: number): Promise<never> {
    const delayMs = Math.min(longestMs, backoffMs(job.attemptsStarted - job.attemptsMade));
    await this.#putOff(job, token, delayMs);
    this.#log(error, job);
    throw new (bullmq().DelayedError)();
  }

  async #delayNewer(job: Job, token: string, why: string): Promise<never> {
    await this.#putOff(job, token, NEWER_FORM_DELAY_MS);
    const ofQueue = this.#newer.get(job.queueName) ?? new Map<string, number>();
    this.#newer.set(job.queueName, ofQueue);
    ofQueue.set(job.id ?? '', performance.now());
    for (const [id, atMs] of ofQueue) {
      if (performance.now() - atMs > 2 * NEWER_FORM_DELAY_MS) {
        ofQueue.delete(id);
      }
    }
    this.deps.metrics?.newerForm(job.queueName, ofQueue.size);
    this.#log(new Error(`a newer version of Tally wrote it (${why}): update this worker, see docs/upgrading.md`), job);
    throw new (bullmq().DelayedError)();
  }

  /**
   * Where Redis refuses that as well, or does not answer, the job stays as it is: when its lock has ended another worker takes it over, which
   * counts no attempt either.
   */
  async #putOff(job: Job, token: string, delayMs: number): Promise<void> {
    await job.moveToDelayed(Date.now() + delayMs, token).catch((error: unknown) => {
      const { queueName: queue, id: jobId } = job;
      this.deps.logger.debug(
        { err: error, queue, jobId },
        'could not put the job off: it is taken over when its lock has ended',
      );
    });
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
