import type { JobRecord } from './oracle/job-record.js';
import type { Submission } from './journal.js';

/** A job of a form that no worker of this run can read. */
export interface NewerJob {
  readonly prefix: string;
  readonly queue: string;
  readonly id: string;
  /** JSON, as it was added. */
  readonly data: string;
  /** Whether it is known to be there; before, Redis may not have taken it. */
  isAdded: boolean;
}

/** What operators and other programs did in an epoch, as far as the oracle has to know it. It is noted before it is done. */
export class Acts {
  /** Names of jobs that were sent to run again after they had failed. */
  readonly retried = new Set<string>();
  /** Queues of which all failed jobs were. */
  readonly retriedQueues = new Set<string>();
  /** Jobs that were removed, or may have been, by their names: as they were last. */
  readonly removed = new Map<string, JobRecord>();
  /** Queues that a worker of somebody else took jobs from. */
  readonly foreignQueues = new Set<string>();
  /** Jobs that were added without Tally's producers. */
  readonly submissions: Submission[] = [];
  readonly newerJobs: NewerJob[] = [];
  /** What the suite itself did wrong, so that the oracle can't judge. */
  readonly complaints: string[] = [];
  /** Whether Redis' clock was moved. */
  clockMoved = false;

  /** Redis has lost what it acknowledged: nobody knows any more what these did. */
  forget(): void {
    this.submissions.splice(0, Infinity, ...this.submissions.map(({ id, update }) => ({ id, update })));
  }
}
