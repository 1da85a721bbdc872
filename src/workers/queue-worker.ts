import { createRedisBackend, Worker as BullWorker } from 'bullmq';
import type { BackendFactory, Job, Processor, RedisQueueBackend, WorkerOptions } from 'bullmq';
import type { JobData } from '../jobs/job-data.js';
import type { JobResult } from '../jobs/queues.js';
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

/** The BullMQ worker of one queue. */
export class QueueWorker extends BullWorker<JobData, JobResult> {
  /** @param redisNowMs tells Redis' time */
  constructor(
    name: string,
    processor: Processor<JobData, JobResult>,
    options: WorkerOptions,
    redisNowMs: () => number,
  ) {
    super(name, processor, options, datingRetriesBy(redisNowMs));
  }

  /** Renews no more locks, for when `close` hangs because Redis is away: its timers keep the process alive. */
  abandonJobs(): Promise<void> {
    return this.lockManager.close();
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
    return noteAsking(() => super.handleFailed(attemptError(error, { afterScript: true }), ...rest));
  }
}

/**
 * BullMQ dates a retry by this machine's clock: one that is minutes ahead would put its jobs off by as much. Redis'
 * clock is the one that all workers share.
 */
function datingRetriesBy(redisNowMs: () => number): BackendFactory<RedisQueueBackend> {
  return (...args) => {
    const backend = createRedisBackend(...args);
    const moveToDelayed = backend.moveToDelayed.bind(backend);
    backend.moveToDelayed = (jobId, _timestamp, ...rest) => moveToDelayed(jobId, redisNowMs(), ...rest);
    return backend;
  };
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
