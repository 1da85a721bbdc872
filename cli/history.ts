import type { Cell, Change } from '../src/index.js';
import { deltaOf } from '../src/readers/read-history.js';
import { describeCell } from '../src/redis/cell.js';
import { withReader } from './with-reader.js';

export interface HistoryFlags {
  readonly field?: string;
  readonly member?: string;
  /** Those of the user's own, which every command takes. */
  readonly operations?: string;
  readonly json?: true;
}

/** `tally history`: prints the last changes of a cell, the latest first. */
export async function printHistory(key: string, { json, operations: _, ...names }: HistoryFlags): Promise<void> {
  const cell: Cell = { key, ...names };
  const changes = await withReader((reader) => reader.history(cell));
  if (json) {
    console.log(JSON.stringify({ ...cell, changes }));
    return;
  }
  if (changes.length === 0) {
    console.error(`tally: no changes of ${describeCell(cell)} are kept: those of workers with TALLY_HISTORY are`);
  }
  changes.forEach(print);
}

function print(change: Change): void {
  const { atMs, operation, after, jobId } = change;
  const delta = deltaOf(change);
  console.log(`${new Date(atMs).toISOString()} ${operation} ${delta < 0n ? '' : '+'}${delta} ${after ?? '-'} ${jobId}`);
}
