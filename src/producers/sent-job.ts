import { storedText } from '../bullmq/stored-job.js';
import { digestOfJob } from '../jobs/job-data.js';
import type { JobData } from '../jobs/job-data.js';
import type { Slot } from '../redis/slots.js';

/** A job as a producer has sent it. */
export class SentJob {
  #digest: string | undefined;

  constructor(
    readonly jobId: string,
    /** Undefined for a job that was sent earlier, perhaps by another producer. */
    private readonly data: JobData | undefined,
    /** Where the receipt of its first update lies; undefined for such a job. */
    readonly slot: Slot | undefined,
  ) {}

  /** Of the data as they were sent. Made when it is asked for: most outcomes never are. */
  get digest(): string | undefined {
    this.#digest ??= this.data && digestOfJob(storedText(this.data));
    return this.#digest;
  }
}
