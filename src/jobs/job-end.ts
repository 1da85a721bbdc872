import { jobKey } from '../bullmq/queue-keys.js';
import { parseStored, readStoredJob } from '../bullmq/stored-job.js';
import type { StoredJob } from '../bullmq/stored-job.js';
import type { Operation } from '../operations/operation.js';
import { decodeOutcome, isUndone } from '../operations/outcome.js';
import type { Outcome } from '../operations/outcome.js';
import type { Layouts } from '../layout/layouts.js';
import type { Partition } from '../layout/partitions.js';
import type { RedisClient } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import type { Slot } from '../redis/slots.js';
import { decodeFailure, decodeRecord, encodeFailure, endedByOthers, isOfCancelled } from './form.js';
import type { JobRecord } from './form.js';
import { settledRecord } from './queues.js';

/** How a job ended: with a record of the outcomes of its updates, or for the reason that stands in place of all of them. */
export type JobEnd = { readonly record: JobRecord } | { readonly failedReason: string };

/** What is known of a job now. */
export type JobState = JobEnd | 'unfinished' | 'unknown';

/** The fields of a job that tell its state. */
export const STATE_FIELDS = ['returned', 'endedAtMs', 'failedReason', 'addedAtMs', 'progress'] as const;

export interface JobPlace {
  readonly queue: string;
  readonly partition: Partition;
  readonly jobId: string;
}

/** A job, and where the receipt of the update in question lies. */
interface JobWithReceipt extends JobPlace {
  /** Undefined where its job does not say. */
  readonly slot: Slot | undefined;
}

/** Where jobs and receipts are read. */
interface JobStore {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly layouts: Pick<Layouts, 'receipts'>;
}

/** Reads how jobs ended, many in one round trip; of those that were removed, from their receipts while these live. */
export async function readJobStates(store: JobStore, jobs: readonly JobWithReceipt[]): Promise<JobState[]> {
  const { redis } = store;
  // Not as a pipeline: of a slot that is half moved, ioredis would read all of it where only a part of it is.
  return Promise.all(
    jobs.map(async (job) => {
      const { queue, partition, jobId } = job;
      const [fields, receipt] = await Promise.all([
        readStoredJob(redis, jobKey({ prefix: partition.prefix, queue }, jobId), STATE_FIELDS),
        readReceipt(store, job),
      ]);
      return stateOf(fields, receipt);
    }),
  );
}

/** The receipt of a job of Tally's own, if it tells how the job ended. */
export async function readReceipt(
  { redis, keys, layouts }: JobStore,
  { queue, partition: { prefix }, jobId, slot }: JobWithReceipt,
): Promise<JobRecord | undefined> {
  if (slot === undefined) {
    return undefined;
  }
  const record = decodeRecord(await redis.get(keys.jobReceipt({ prefix, queue, jobId }, slot)));
  return record !== undefined && layouts.receipts.answersForJob(record.outcomes.length) ? record : undefined;
}

/** What Tally itself has recorded counts for more than how somebody else may have ended the job. */
export function stateOf(
  { returned, endedAtMs, failedReason, addedAtMs, progress }: StoredJob<(typeof STATE_FIELDS)[number]>,
  receipt: JobRecord | undefined,
): JobState {
  const mark = decodeRecord(settledRecord(parseStored(progress)));
  const own = mark ?? (returned ? decodeRecord(parseStored(returned)) : undefined);
  if (own !== undefined) {
    return { record: own };
  }
  if (returned) {
    return receipt === undefined ? { failedReason: foreignReason(returned) } : { record: receipt };
  }
  if (endedAtMs && failedReason) {
    return receipt === undefined ? { failedReason } : { record: receipt };
  }
  if (addedAtMs) {
    return receipt !== undefined && isOfCancelled(receipt) ? { record: receipt } : 'unfinished'; // it ends so, whenever a worker comes to it
  }
  return receipt === undefined ? 'unknown' : { record: receipt };
}

/** How BullMQ's events tell of a job that ended. */
export function endOf({ returnvalue, failedReason }: { returnvalue?: unknown; failedReason?: string }): JobEnd {
  if (failedReason !== undefined) {
    return { failedReason };
  }
  const record = decodeRecord(returnvalue);
  return record === undefined ? { failedReason: foreignReason(JSON.stringify(returnvalue)) } : { record };
}

function foreignReason(returned: string): string {
  return encodeFailure({ status: 'unknown', ...endedByOthers(`it completed the job with ${returned}`) });
}

/** An update, and where it stood in the job that carried it. */
export interface UpdateInJob {
  readonly operation: Operation;
  readonly params: unknown;
  readonly index: number;
  /** Of the data that hold it; undefined where it is not known what they were. */
  readonly digest: string | undefined;
}

/** The outcome that the end of its job is for an update. */
export function outcomeAt(end: JobEnd, { operation, params, index, digest }: UpdateInJob): Outcome {
  if ('failedReason' in end) {
    return decodeFailure(end.failedReason);
  }
  const outcome = end.record.outcomes[index];
  if (outcome === undefined || (digest !== undefined && digest !== end.record.digest)) {
    const message =
      'somebody changed the updates of its job before it was applied, and nobody can tell which one this is now: look at the cell';
    return { status: 'unknown', reason: 'EDITED', message };
  }
  return decodeOutcome(outcome, operation, params);
}

/** Whether the update goes on in a job of its own, which its batch has put back. */
export function isRequeuedAt(end: JobEnd, { index, digest }: Pick<UpdateInJob, 'index' | 'digest'>): boolean {
  return (
    'record' in end &&
    end.record.outcomes.length > 1 &&
    (digest === undefined || digest === end.record.digest) &&
    isUndone(end.record.outcomes[index] ?? '')
  );
}
