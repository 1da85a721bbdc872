import { describeCell } from '../../../src/operations/cell.js';
import type { Cell } from '../../../src/index.js';
import type { Submission } from '../journal.js';

/** All that the oracle judges by. Cells go by their name in words. */
export interface Evidence {
  readonly start: ReadonlyMap<string, number>;
  /** What the cells hold at the end; those that are missing are left out. */
  readonly cells: ReadonlyMap<string, string>;
  /** What the cells hold that no update can change. */
  readonly badCells: string;
  readonly submissions: readonly Submission[];
  readonly jobs: readonly JobRecord[];
  /** By idempotency key: "fingerprint update-id outcome". */
  readonly idempotencyReceipts: ReadonlyMap<string, string>;
}

/** A job as Redis holds it. Outcomes are in the script's form, see `lua/frame.lua`. */
export interface JobRecord {
  readonly id: string;
  readonly queue: string;
  readonly operation: string;
  readonly updates: readonly { readonly params: object; readonly idempotencyKey?: string }[];
  readonly isFinished: boolean;
  readonly failedReason?: string;
  readonly returnvalue?: string;
  /** The outcomes with which a settled job is marked. */
  readonly mark?: string;
  readonly receipt?: string;
  readonly receiptTtlMs?: number;
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
