import { DelayedError, Worker as BullWorker } from 'bullmq';
import type { Job } from 'bullmq';
import { digestOfJob } from '../jobs/job-data.js';
import type { JobData } from '../jobs/job-data.js';
import type { JobResult } from '../jobs/queues.js';
import { tryAgainLater } from '../jobs/try-again-later.js';
import { attemptError } from './failures.js';

const askedAtMs = new WeakMap<Job, number>();

/**
 * When BullMQ was asked for this attempt of the job, by `performance.now()`: before the job's lock was taken. Its
 * `processedOn` won't do, since the wall clock may have been set in between.
 */
export function attemptAskedAtMs(job: Job): number {
  const atMs = askedAtMs.get(job);
  if (atMs === undefined) {
    throw new Error(`job ${job.id ?? ''} came from somewhere else than a QueueWorker`);
  }
  return atMs;
}

const digests = new WeakMap<Job, string>();

/** Of the job's data as they were when this attempt began, see `digestOfJob`. */
export function digestOf(job: Job): string {
  return digests.get(job) ?? '';
}

/** The BullMQ worker of one queue. */
export class QueueWorker extends BullWorker<JobData, JobResult> {
  /** Renews no more locks, for when `close` hangs because Redis is away: its timers keep the process alive. */
  abandonJobs(): Promise<void> {
    const { stalledCheckStopper } = this as unknown as { stalledCheckStopper?: () => void };
    stalledCheckStopper?.();
    return this.lockManager.close();
  }

  protected override checkConnectionError<T>(command: () => Promise<T>): Promise<T | undefined> {
    return tryAgainLater(this, command);
  }

  /** While the text of the job's data is at hand: to write it once more would cost more than all of the digest. */
  protected override createJob(
    ...[stored, jobId]: Parameters<BullWorker<JobData, JobResult>['createJob']>
  ): ReturnType<BullWorker<JobData, JobResult>['createJob']> {
    const job = super.createJob(stored, jobId);
    digests.set(job, digestOfJob(stored.data));
    return job;
  }

  protected override moveToActive(
    ...args: Parameters<BullWorker<JobData, JobResult>['moveToActive']>
  ): ReturnType<BullWorker<JobData, JobResult>['moveToActive']> {
    return noteAsking(() => super.moveToActive(...args));
  }

  /** Asks for the next job as well. */
  protected override handleCompleted(
    ...args: Parameters<BullWorker<JobData, JobResult>['handleCompleted']>
  ): ReturnType<BullWorker<JobData, JobResult>['handleCompleted']> {
    return noteAsking(() => super.handleCompleted(...args));
  }

  /**
   * Asks for the next job as well. BullMQ also fails a job whose completion it could not record, and then the reason is
   * its own.
   */
  protected override handleFailed(
    ...[error, ...rest]: Parameters<BullWorker<JobData, JobResult>['handleFailed']>
  ): ReturnType<BullWorker<JobData, JobResult>['handleFailed']> {
    const reason = error instanceof DelayedError ? error : attemptError(error, { isKnown: false });
    return noteAsking(() => super.handleFailed(reason, ...rest));
  }
}

/** `ask` may bring a job, or none. */
async function noteAsking<Next extends Job | undefined>(ask: () => Promise<Next>): Promise<Next> {
  const atMs = performance.now();
  const job = await ask();
  if (job !== undefined) {
    askedAtMs.set(job, atMs);
  }
  return job;
}
