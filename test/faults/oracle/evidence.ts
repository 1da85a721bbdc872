import { isRequeued } from '../../../src/jobs/job-id.js';
import { describeCell } from '../../../src/redis/cell.js';
import type { Cell, OutcomeEvent } from '../../../src/index.js';
import type { Acts } from '../acts.js';
import type { Submission } from '../journal.js';

/** All that the oracle judges by. Cells go by their name in words. */
export interface Evidence {
  readonly start: ReadonlyMap<string, number>;
  /** What the cells hold at the end; those that are missing are left out. */
  readonly cells: ReadonlyMap<string, string>;
  /** What is held of each stock: in all, and by its reservations. */
  readonly held: ReadonlyMap<string, { readonly total: number; readonly sum: number }>;
  /** What the cells hold that no update can change. */
  readonly badCells: string;
  readonly submissions: readonly Submission[];
  readonly jobs: readonly JobRecord[];
  /** By operation and idempotency key, see `keyName`: "tally/form slot fingerprint update-id outcome". */
  readonly idempotencyReceipts: ReadonlyMap<string, string>;
  /** Absent where no outcomes are told. */
  readonly told?: Told;
  readonly acts: Pick<Acts, 'retried' | 'retriedQueues' | 'removed' | 'foreignQueues' | 'clockMoved'>;
}

/** What stands in the stream of outcomes, and what of it a subscriber was told. */
export interface Told {
  readonly events: readonly OutcomeEvent[];
  /** Where numbers are missing. */
  readonly gaps: readonly string[];
  /** The ids of events. */
  readonly heard: ReadonlySet<string>;
}

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

/** Idempotency keys are those of their operation. */
export function keyName(operation: string, key: string): string {
  return `${operation} ${key}`;
}

/** What `foreignQueues` of the acts and `retriedQueues` call a queue. */
export function queueName({ prefix, queue }: Pick<JobRecord, 'prefix' | 'queue'>): string {
  return `${prefix}:${queue}`;
}

export interface Violation {
  /** The number of the invariant, see `invariants.ts`. */
  readonly invariant: number;
  readonly message: string;
}

export function nameOf(cell: Cell): string {
  return describeCell(cell);
}

export function valueOf({ cells }: Pick<Evidence, 'cells'>, cell: Cell): number {
  return Number(cells.get(nameOf(cell)) ?? 0);
}
