import { describeCell } from '../../../src/redis/cell.js';
import type { Cell, OutcomeEvent } from '../../../src/index.js';
import type { Acts } from '../acts.js';
import { bareKey, isWitness } from '../cells.js';
import type { Submission } from '../journal.js';
import type { JobRecord } from './job-record.js';

/** All that the oracle judges by. Cells go by their name in words. */
export interface Evidence {
  readonly start: ReadonlyMap<string, number>;
  /** What the cells hold at the end; those that are missing are left out. */
  readonly cells: ReadonlyMap<string, string>;
  /** What is held of each stock: in all, and by its reservations; and how many of these are over, and should have been given back. */
  readonly held: ReadonlyMap<string, { readonly total: number; readonly sum: number; readonly over: number }>;
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

/** What stands in the stream of outcomes, and what of it each group of subscribers was told. */
export interface Told {
  readonly events: readonly OutcomeEvent[];
  /** Where numbers are missing. */
  readonly gaps: readonly string[];
  /** Whether the events of a cell come in the order of its changes: in a Cluster not when its slot has moved. */
  readonly isOrdered: boolean;
  /** The ids of events that each group of subscribers took. Empty where nobody listened. */
  readonly heard: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Idempotency keys are those of their operation. */
export function keyName(operation: string, key: string): string {
  return `${operation} ${key}`;
}

export interface Violation {
  /** The number of the invariant, see `invariants.ts`. */
  readonly invariant: number;
  readonly message: string;
}

/** A witness goes by its update, wherever that lies. */
export function nameOf(cell: Cell): string {
  return describeCell(isWitness(cell) ? { ...cell, key: bareKey(cell.key) } : cell);
}

export function valueOf({ cells }: Pick<Evidence, 'cells'>, cell: Cell): number {
  return Number(cells.get(nameOf(cell)) ?? 0);
}
