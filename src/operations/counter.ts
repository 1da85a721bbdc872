import { z } from 'zod';
import { cellObject, changed, expected, expectedArgument, ttlSeconds, wholeNumber } from './cell-schema.js';
import { describeCell } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import { luaSource } from '../redis/lua-source.js';
import { bucketShape, inBucket, sameCell, TOO_LATE } from './bucket-params.js';
import type { BucketParams } from './bucket-params.js';
import { defineOperation } from './operation.js';
import type { Inverse } from './operation.js';
import { unlessGiven } from './without-defaults.js';

const lua = luaSource('plans/counter');

const by = wholeNumber({ min: 1 }).default(1);
const whenOver = unlessGiven(z.enum(['reject', 'saturate'], { error: 'must be "reject" or "saturate"' }), 'reject');
const life = {
  ...bucketShape,
  /** Life of a key that this update creates, 1 s to ten years; one that exists keeps its own. @defaultValue it stays */
  ttlSeconds: ttlSeconds().optional(),
  /** Whether every update sets that life anew, as a window that slides. @defaultValue false */
  renewTtl: unlessGiven(z.boolean({ error: 'must be true or false' }), false),
};

const changedBy = z.object({
  value: z.int(),
  applied: z.int().meta({ description: 'By how much: with `saturate` it may be less than was asked for.' }),
});
const previous = z.int().nullable().meta({ description: 'null when it was missing.' });

function needsLimit(limit: 'max' | 'min') {
  return { path: ['whenOver'], error: `needs ${limit}: without it nothing is over` };
}

/** What takes back a change by so much, which limits don't hold up. */
function changeBy(operation: string, params: Cell & BucketParams, by: number): Inverse | undefined {
  return by === 0 ? undefined : { operation, params: { ...sameCell(params, params), by } };
}

/**
 * Adds to a counter; a missing one counts as 0. Past `max` it is rejected with `LIMIT_REACHED`, or with `whenOver: 'saturate'`
 * gets as much as fits.
 */
export const counterIncrement = defineOperation({
  name: 'counter.increment',
  queue: 'counters',
  description: 'Adds `by` to a counter; past `max` it is rejected, or adds what fits (`saturate`).',
  params: cellObject({
    /** How much, 1 or more. @defaultValue 1 */
    by,
    /** What the counter may not pass. @defaultValue none */
    max: wholeNumber().optional(),
    /** Past `max`: be rejected with `LIMIT_REACHED`, or add what fits (`saturate`). @defaultValue `reject` */
    whenOver,
    ...life,
  }).refine((params) => params.whenOver === undefined || params.max !== undefined, needsLimit('max')),
  cells: (params) => [inBucket(params, params)],
  inBuckets: true,
  args: ({ by, max, whenOver }) => (whenOver === 'saturate' ? [by, max, true] : [by, max]),
  ttlSeconds: (params) => params.ttlSeconds,
  renewTtl: (params) => params.renewTtl,
  lua,
  resultSchema: changedBy,
  result: ([value = 0, applied], { by }) => ({ value, applied: applied ?? by }),
  rejections: {
    TOO_LATE,
    LIMIT_REACHED: ([value], params) => ({
      message: `${describeCell(params)} is ${value}; adding ${params.by} would pass the maximum of ${params.max}`,
    }),
  },
  revert: (params, { applied }) => changeBy('counter.decrement', params, applied),
});

/**
 * Subtracts from a counter; a missing one counts as 0. Below `min` it is rejected with `LIMIT_REACHED`, or with
 * `whenOver: 'saturate'` loses as much as fits.
 */
export const counterDecrement = defineOperation({
  name: 'counter.decrement',
  queue: 'counters',
  description: 'Subtracts `by` from a counter; below `min` it is rejected, or subtracts what fits (`saturate`).',
  params: cellObject({
    /** How much, 1 or more. @defaultValue 1 */
    by,
    /** What the counter may not fall below. @defaultValue none */
    min: wholeNumber().optional(),
    /** Below `min`: be rejected with `LIMIT_REACHED`, or subtract what fits (`saturate`). @defaultValue `reject` */
    whenOver,
    ...life,
  }).refine((params) => params.whenOver === undefined || params.min !== undefined, needsLimit('min')),
  cells: (params) => [inBucket(params, params)],
  inBuckets: true,
  args: ({ by, min, whenOver }) => (whenOver === 'saturate' ? [by, min, true] : [by, min]),
  ttlSeconds: (params) => params.ttlSeconds,
  renewTtl: (params) => params.renewTtl,
  lua,
  resultSchema: changedBy,
  result: ([value = 0, applied], { by }) => ({ value, applied: applied ?? by }),
  rejections: {
    TOO_LATE,
    LIMIT_REACHED: ([value], params) => ({
      message: `${describeCell(params)} is ${value}; subtracting ${params.by} would pass the minimum of ${params.min}`,
    }),
  },
  revert: (params, { applied }) => changeBy('counter.increment', params, applied),
});

/** Sets a counter. With `expected` only if it holds that, or is missing for null; else rejected with `CHANGED`. */
export const counterSet = defineOperation({
  name: 'counter.set',
  queue: 'counters',
  description: 'Sets a counter; with `expected` only if it holds that.',
  params: cellObject({ value: wholeNumber(), expected: expected(), ...life }),
  cells: (params) => [inBucket(params, params)],
  inBuckets: true,
  args: ({ value, expected }) => [value, expectedArgument(expected)],
  ttlSeconds: (params) => params.ttlSeconds,
  renewTtl: (params) => params.renewTtl,
  lua,
  resultSchema: z.object({ value: z.int(), previous }),
  result: ([value = 0, previous]): { value: number; previous: number | null } => ({
    value,
    previous: previous ?? null,
  }),
  rejections: { CHANGED: changed, TOO_LATE },
});

/** Removes the key, field or member. With `expected` only if it holds that; else rejected with `CHANGED`. */
export const counterRemove = defineOperation({
  name: 'counter.remove',
  queue: 'counters',
  description: 'Removes a counter: the key, field or member; with `expected` only if it holds that.',
  params: cellObject({ expected: expected(), ...bucketShape }),
  cells: (params) => [inBucket(params, params)],
  inBuckets: true,
  args: ({ expected }) => [expectedArgument(expected)],
  lua,
  resultSchema: z.object({ removed: z.boolean(), previous }),
  result: ([removed = 0, previous]): { removed: boolean; previous: number | null } => ({
    removed: removed === 1,
    previous: previous ?? null,
  }),
  rejections: { CHANGED: changed, TOO_LATE },
});
