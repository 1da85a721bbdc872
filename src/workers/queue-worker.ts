import type { Job } from 'bullmq';
import { AttemptWorker } from '../bullmq/attempt-worker.js';
import { digestOfJob } from '../jobs/job-data.js';
import type { JobData } from '../jobs/job-data.js';
import type { JobResult } from '../jobs/queues.js';
import { attemptError } from './failures.js';

const digests = new WeakMap<Job, string>();

/** Of the job's data as they were when this attempt began, see `digestOfJob`. */
export function digestOf(job: Job): string {
  return digests.get(job) ?? '';
}

/** The worker of one queue. */
export class QueueWorker extends AttemptWorker<JobData, JobResult> {
  /** Now, since to write the text once more would cost more than all of the digest. */
  protected override dataRead(job: Job, text: string): void {
    digests.set(job, digestOfJob(text));
  }

  protected override failureFor(error: Error): Error {
    return attemptError(error, { isKnown: false });
  }
}
