import type { Logger } from 'pino';
import type { ChangedJob } from './change-failures.js';

/** Ids of one line of the log. */
const JOBS_OF_A_LINE = 200;

/** A job that was retried or removed, on a line. */
export function changedLine({ queue, jobId, operation, updates }: ChangedJob): string {
  return `${queue} ${jobId} ${operation} ${updates}`;
}

/** Has the log say of each job that it was retried or removed: of what was removed nothing else tells. @param by whom, and how */
export function logChanged(
  logger: Logger,
  change: 'retried' | 'removed',
  changed: readonly ChangedJob[],
  by: object,
): void {
  for (let start = 0; start < changed.length; start += JOBS_OF_A_LINE) {
    const jobs = changed.slice(start, start + JOBS_OF_A_LINE).map(changedLine);
    logger.info({ ...by, change, jobs }, `${jobs.length} failed jobs ${change}`);
  }
}
