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

const texts = new WeakMap<Job, string>();

/** The job's data, JSON as they are stored. */
export function dataTextOf(job: Job): string {
  return texts.get(job) ?? JSON.stringify(job.data);
}

/** The worker of one queue. */
export class QueueWorker extends AttemptWorker<JobData, JobResult> {
  /** Whether {@link dataTextOf} will be asked for. */
  keepsText = false;

  /** Now, since to write the text once more would cost more than all of the digest. */
  protected override dataRead(job: Job, text: string): void {
    digests.set(job, digestOfJob(text));
    if (this.keepsText) {
      texts.set(job, text);
    }
  }

  protected override failureFor(error: Error): Error {
    return attemptError(error, { isKnown: false });
  }
}
