import { isRequeued } from '../../../src/jobs/job-id.js';

/** A job as Redis holds it, or held it before it was removed. Records are in Tally's form, see `src/jobs/form.ts`. */
export interface JobRecord {
  /** Tells it from all others: see `jobName`. */
  readonly name: string;
  readonly id: string;
  /** First part of BullMQ's keys where it is. */
  readonly prefix: string;
  readonly queue: string;
  /** BullMQ's time of a job that somebody else added, without the version of a form. */
  readonly addedAtMs?: number;
  /** The version of its form; that of Tally for a job without one. */
  readonly form: number;
  readonly digest: string;
  readonly operation: string;
  readonly updates: readonly { readonly params: object; readonly idempotencyKey?: string }[];
  readonly isFinished: boolean;
  /** Why it failed for good; the worker of somebody else may say anything. */
  readonly failedReason?: string;
  /** What Tally's worker returned. */
  readonly returnvalue?: string;
  /** What the worker of somebody else returned. */
  readonly foreignValue?: string;
  /** The record with which a settled job is marked. */
  readonly mark?: string;
  readonly receipt?: string;
  readonly receiptTtlMs?: number;
}

/** Ids of Tally's own jobs are unique everywhere, those of jobs that it puts back too; those of others only in their queue. */
export function jobName({
  id,
  prefix,
  queue,
  addedAtMs,
}: Pick<JobRecord, 'id' | 'prefix' | 'queue' | 'addedAtMs'>): string {
  return addedAtMs === undefined || isRequeued(id) ? id : `${prefix}:${queue}:${id}`;
}

/** What `foreignQueues` of the acts and `retriedQueues` call a queue. */
export function queueName({ prefix, queue }: Pick<JobRecord, 'prefix' | 'queue'>): string {
  return `${prefix}:${queue}`;
}
