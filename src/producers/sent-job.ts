import { digestOfJob } from '../jobs/job-data.js';
import type { JobData } from '../jobs/job-data.js';
import type { Slot } from '../redis/keys.js';

/** A job as a producer has sent it. */
export class SentJob {
  #digest: string | undefined;

  constructor(
    readonly jobId: string,
    /** Undefined for a job that was sent earlier, perhaps by another producer. */
    private readonly data?: JobData,
    /** In a Cluster, that of its first update. */
    readonly slot?: Slot,
  ) {}

  /** Of the data as they were sent. Made when it is asked for: most outcomes never are. */
  get digest(): string | undefined {
    this.#digest ??= this.data && digestOfJob(JSON.stringify(this.data));
    return this.#digest;
  }
}
