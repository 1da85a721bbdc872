import type { Job } from 'bullmq';
import { isRecord } from '../../src/jobs/form.js';
import { settledRecord } from '../../src/jobs/queues.js';

/** Whether a job that is completed was completed by Tally: then it has taken effect, or was answered. */
export function isEndedByTally({
  returnvalue,
  progress,
}: Pick<Job<unknown, unknown>, 'returnvalue' | 'progress'>): boolean {
  return isRecord(returnvalue) || settledRecord(progress) !== undefined;
}
