import { z } from 'zod';
import { matchesPattern } from '../lib/pattern.js';
import { wholeNumber } from '../operations/cell-schema.js';
import type { OutcomeEvent, Status } from './event.js';
import { STATUSES } from './event.js';

/** A level that the value of a cell crosses: `{ below: 5 }` from 5 or more to less, `{ above: 5 }` from 5 or less to more. */
export type Crossing = { readonly below: number } | { readonly above: number };

/** Which events are wanted: those that fit everything that is given. */
export interface OutcomeFilter {
  /** @defaultValue those of all operations */
  readonly operations?: readonly string[] | undefined;
  /** @defaultValue all */
  readonly statuses?: readonly Status[] | undefined;
  /** Patterns of keys, `*` for any text: one of an event's cells fits one of them. @defaultValue any key */
  readonly keys?: readonly string[] | undefined;
  /**
   * The update itself took the value of a cell over this level: told once per crossing, without any state. A missing cell
   * counts as 0. With `keys`, the cell that crosses is one that fits. @defaultValue whether or not
   */
  readonly crosses?: Crossing | undefined;
}

const level = wholeNumber({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });

/** Of options; see {@link parseCrossing} for texts. */
export const filterShape = {
  operations: z.array(z.string().min(1)).min(1).optional(),
  statuses: z.array(z.enum(STATUSES)).min(1).optional(),
  keys: z.array(z.string().min(1)).min(1).optional(),
  crosses: z.union([z.strictObject({ below: level }), z.strictObject({ above: level })]).optional(),
};

/** What a filter of others may be made of: each event is matched with all of it, for each webhook and each follower. */
export const MAX_NAMES = 100;
const MAX_PATTERN_LENGTH = 2_000;
const MAX_WILDCARDS = 16;

export const boundedPattern = z
  .string()
  .min(1)
  .max(MAX_PATTERN_LENGTH)
  .refine((pattern) => pattern.split('*').length <= MAX_WILDCARDS + 1, `must hold at most ${MAX_WILDCARDS} "*"`);

/** `below:5` or `above:100`, as flags and queries have it; undefined for another text. */
export function parseCrossing(text: string): Crossing | undefined {
  const [, side, digits] = /^(below|above):(-?\d{1,16})$/.exec(text) ?? [];
  const number = Number(digits);
  if (side === undefined || !Number.isSafeInteger(number)) {
    return undefined;
  }
  return side === 'below' ? { below: number } : { above: number };
}

/** The opposite of {@link parseCrossing}. */
export function describeCrossing(crossing: Crossing): string {
  return 'below' in crossing ? `below:${crossing.below}` : `above:${crossing.above}`;
}

/** Whether an event is wanted. */
export function isWanted({ data }: OutcomeEvent, { operations, statuses, keys, crosses }: OutcomeFilter): boolean {
  if (operations !== undefined && !operations.includes(data.operation)) {
    return false;
  }
  if (statuses !== undefined && !statuses.includes(data.status)) {
    return false;
  }
  if (keys === undefined && crosses === undefined) {
    return true;
  }
  return data.cells.some(
    ({ key, before, after }) =>
      (keys === undefined || keys.some((pattern) => matchesPattern(pattern, key))) &&
      (crosses === undefined || hasCrossed(crosses, before, after)),
  );
}

function hasCrossed(crossing: Crossing, before: number | null | undefined, after: number | null | undefined): boolean {
  if (before === undefined || after === undefined) {
    return false;
  }
  const [from, to] = [before ?? 0, after ?? 0];
  return 'below' in crossing
    ? from >= crossing.below && to < crossing.below
    : from <= crossing.above && to > crossing.above;
}
