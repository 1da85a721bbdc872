import { requeuedJobId } from '../../../src/jobs/job-id.js';
import { queueName } from './job-record.js';
import type { Evidence } from './evidence.js';
import type { JobRecord } from './job-record.js';
import type { History } from './history.js';

/** What follows for the oracle from what operators and other programs did, see `../acts.ts`. */

interface Place {
  readonly jobId: string;
  readonly index: number;
}

/** The names of the jobs that have carried the update: the one it came in, and the one that it was put back as. */
function namesOf(history: History, { jobId, index }: Place): string[] {
  const job = history.find(jobId, index)?.job;
  return job === undefined ? [jobId] : [jobId, requeuedJobId(job.id, index, job.addedAtMs)];
}

/** Whether an operator removed a job that carried the update, or may have. */
export function wasRemoved({ acts }: Evidence, history: History, place: Place): boolean {
  return namesOf(history, place).some((name) => acts.removed.has(name));
}

/** Whether somebody may have sent a job that carried the update to run again after it had failed. */
export function wasRetried({ acts }: Evidence, history: History, place: Place): boolean {
  const job = history.find(place.jobId, place.index)?.job;
  return (
    namesOf(history, place).some((name) => acts.retried.has(name)) ||
    (job !== undefined && acts.retriedQueues.has(queueName(job)))
  );
}

/** Whether it may be told of an update of this job that nobody knows, for this reason, whether it was applied. */
export function mayBeUnknown({ acts }: Evidence, job: JobRecord, reason: string): boolean {
  switch (reason) {
    case 'FOREIGN_WORKER':
      return acts.foreignQueues.has(queueName(job));
    case 'UNSTAMPED':
      return job.addedAtMs !== undefined; // its first worker died before it could note a stamp
    case 'PARTLY_APPLIED':
      return acts.clockMoved; // so that nobody can tell when a lease is over
    default:
      return false;
  }
}
