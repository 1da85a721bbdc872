import { isName, isTtlSeconds } from './cell-schema.js';
import { cellId, describeCell } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import type { Argument, Step } from './operation.js';
import { slotOf } from '../redis/slots.js';

/**
 * What is wrong with a step that an operation made. The schemas of the built-in operations leave nothing to find;
 * this holds the user's own to what the script relies on: no write of it may fail.
 */
export function faultOf({
  operation,
  cells,
  args,
  ttlSeconds,
  renewTtl,
  ttlFrom = 0,
  ofBucket,
}: Step): string | undefined {
  const badCell = cells.find(hasBadName);
  if (badCell !== undefined) {
    return `${operation} names a key, field or member that is not 1 to 512 bytes of valid Unicode: ${describeCell(badCell)}`;
  }
  if (cells.some(({ field, member }) => field !== undefined && member !== undefined)) {
    return `a cell of ${operation} has both field (a hash) and member (a sorted set): give one of them`;
  }
  const badArgument = args.find(isBadArgument);
  if (badArgument !== undefined) {
    return `${String(badArgument)} is not a valid argument of ${operation}: use integers within +-(2^53 - 1) and flags`;
  }
  if (ttlSeconds !== undefined && !isTtlSeconds(ttlSeconds)) {
    return `ttlSeconds of ${operation} is ${ttlSeconds}: it must be a whole number from 1 to ten years`;
  }
  if (ttlSeconds !== undefined && ofBucket !== true && cells.slice(ttlFrom).some(isWithinKey)) {
    return `ttlSeconds of ${operation} can't be kept: only a plain key can expire, not a field or member`;
  }
  if (renewTtl === true && ttlSeconds === undefined) {
    return `renewTtl of ${operation} renews no life: give ttlSeconds too`;
  }
  const repeated = repeatedCell(cells);
  return repeated && `names the cell ${describeCell(repeated)} twice; add its amounts up and name it once`;
}

function isWithinKey({ field, member }: Cell): boolean {
  return field !== undefined || member !== undefined;
}

function isBadArgument(argument: Argument): boolean {
  return typeof argument !== 'boolean' && !Number.isSafeInteger(argument);
}

function hasBadName({ key, field, member }: Cell): boolean {
  return !isName(key) || (field !== undefined && !isName(field)) || (member !== undefined && !isName(member));
}

/** Two keys of an update that lie in different slots. */
export interface CrossSlot {
  readonly first: string;
  readonly other: string;
}

/** The slot in which all keys of an update lie, any if it has none; or two of its keys which lie in different slots. */
export function commonSlot(steps: readonly Step[]): number | CrossSlot {
  let slot = 0;
  let first: string | undefined;
  for (const { cells } of steps) {
    for (const { key } of cells) {
      if (first === undefined) {
        first = key;
        slot = slotOf(key);
      } else if (key !== first && slotOf(key) !== slot) {
        return { first, other: key };
      }
    }
  }
  return slot;
}

/** The slot of an update's first key; any if it has none. */
export function firstSlot(steps: readonly Step[]): number {
  const key = steps.find(({ cells }) => cells.length > 0)?.cells[0]?.key;
  return key === undefined ? 0 : slotOf(key);
}

/** A plan gets each cell once: of two new values for one cell, the first would be lost. */
function repeatedCell(cells: readonly Cell[]): Cell | undefined {
  if (cells.length === 1) {
    return undefined;
  }
  const seen = new Set<string>();
  return cells.find((cell) => seen.size === seen.add(cellId(cell)).size);
}
