import type { Cell } from './cell.js';

/** How Redis itself writes an integer, and all that INCRBY and HINCRBY take: no sign, blank, zero or exponent too many. */
const AS_REDIS_WRITES = /^(?:0|-?[1-9][0-9]*)$/;

/**
 * The integer that a cell holds. Who reads a cell asks this, so that all tell what an update would find: `lua/apply.lua`
 * decides alike.
 *
 * @param text what GET, HGET or ZSCORE answers
 * @returns from -(2^53 - 1) to 2^53 - 1; undefined when the cell holds something else
 */
export function integerIn({ member }: Pick<Cell, 'member'>, text: string): number | undefined {
  // A score is a double, which some versions write as "5e+15".
  const value = member !== undefined || AS_REDIS_WRITES.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value + 0 : undefined; // 0 for -0
}
