import type { RedisClient } from '../../src/redis/connection.js';
import type { Store } from '../../src/layout/store.js';
import { TallyError } from '../../src/errors.js';
import { readHistory } from '../../src/readers/read-history.js';
import type { Change } from '../../src/readers/read-history.js';
import type { Cell } from '../../src/redis/cell.js';
import { describeCell } from '../../src/redis/cell.js';
import { readCell } from '../../src/readers/read-cell.js';

/** A cell as Redis holds it. */
export interface InspectedCell {
  readonly cell: Cell;
  /** Redis' type of the key; `none` when there is no such key. */
  readonly type: string;
  /** Until the key expires; absent when it does not, or is missing. */
  readonly expiresInMs?: number;
  /** Absent when there is none. */
  readonly value?: number;
  /** Why there is no value. */
  readonly problem?: string;
  /** The latest first. */
  readonly changes: readonly Change[];
}

export async function inspectCell({ redis, keys, layouts }: Store, cell: Cell): Promise<InspectedCell> {
  const slot = layouts.receipts.slotOfKey(cell.key);
  const [type, expiresInMs, value, changes] = await Promise.all([
    redis.type(cell.key),
    redis.pttl(cell.key),
    valueOf(redis, cell),
    slot === undefined ? [] : readHistory(redis, keys, cell, slot),
  ]);
  return { cell, type, ...(expiresInMs >= 0 && { expiresInMs }), ...value, changes };
}

async function valueOf(redis: RedisClient, cell: Cell): Promise<Pick<InspectedCell, 'value' | 'problem'>> {
  try {
    const found = await readCell(redis, cell);
    return found === undefined ? { problem: `${describeCell(cell)} does not exist` } : { value: found.value };
  } catch (error) {
    if (!(error instanceof TallyError)) {
      throw error;
    }
    // Not its own words, which hold the content: it is another service's, and may be long or a secret.
    const isNoInteger = error.code === 'NOT_AN_INTEGER';
    return { problem: isNoInteger ? `${describeCell(cell)} holds no integer within ±(2^53 - 1)` : error.message };
  }
}
