import type { Operation } from '../operations/operation.js';
import type { Outcome } from '../operations/outcome.js';
import type { Cell } from '../redis/cell.js';

/** What an update can end as. Of conflicts those are told that come to light in a worker: one known when it is sent has no job. */
export const STATUSES = [
  'applied',
  'rejected',
  'conflict',
  'cancelled',
  'failed',
  'unknown',
] as const satisfies readonly Outcome['status'][];

export type Status = (typeof STATUSES)[number];

/** A cell that an update names, with what it held just before the update and just after it: null while it is missing. */
export interface CellChange extends Cell {
  /**
   * Undefined, with `after`, for an update that was not planned: cancelled, failed or unknown. And for a cell that could not be read, as
   * it holds no whole number: then the update was rejected for another reason, or is a conflict.
   */
  readonly before?: number | null;
  /** The same as `before` when the update was rejected, or its key belongs to another one. */
  readonly after?: number | null;
}

/** What is told of an update, beside its outcome. */
interface AboutUpdate<Name extends string = string> {
  /** The id of the update. */
  readonly id: string;
  readonly jobId: string;
  readonly operation: Name;
  /** The cells that it names, in the order in which it names them; none of Tally's own. Empty where its job can't be read. */
  readonly cells: readonly CellChange[];
  /** Absent without one. */
  readonly idempotencyKey?: string;
  /** The attempt that failed for good, from 1 on: an update that is retried may fail again. Of `failed` and `unknown` only. */
  readonly attempt?: number;
}

/** The `data` of an event: the outcome as `GET /v1/updates/{id}` has it, and what the update changed. */
export type OutcomeData<
  Name extends string = string,
  Result = unknown,
  Code extends string = string,
> = AboutUpdate<Name> & Outcome<Result, Code>;

/**
 * An outcome as a CloudEvent 1.0, ready for `JSON.stringify` (structured mode).
 *
 * The outcome of an update that was answered from its idempotency key (`duplicate`) is not told again: its event is that of
 * the first update under the key.
 */
export interface OutcomeEvent<Data extends OutcomeData = OutcomeData> {
  readonly specversion: '1.0';
  /** `<update id>:<status>`, of failed and unknown ones `<update id>:<status>:<attempt>`: the same whenever it is told. */
  readonly id: string;
  /** `/tally/<namespace>` */
  readonly source: string;
  /** `tally.<operation>.<status>` */
  readonly type: string;
  /** The key of the first cell. Absent where no cell is known. */
  readonly subject?: string;
  /** When it was applied or refused, by Redis' clock, e.g. `2026-11-27T10:00:00.000Z`. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: Data;
}

/** The events of an operation, or of each of several. */
export type OutcomeEventOf<Of extends Operation> =
  Of extends Operation<infer Name, infer _Params, infer Result, infer _Input, infer Code>
    ? OutcomeEvent<OutcomeData<Name, Result, Code>>
    : never;
