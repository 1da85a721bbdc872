import { cellObject, ttlSeconds, wholeNumber } from './cell-schema.js';
import { describeCell } from '../redis/cell.js';
import { luaSource } from '../redis/lua-source.js';
import { defineOperation } from './operation.js';

const lua = luaSource('plans/counter');

/** Adds to a counter; a missing one counts as 0. Past `max` it is rejected with `LIMIT_REACHED`. */
export const counterIncrement = defineOperation({
  name: 'counter.increment',
  queue: 'counters',
  description: 'Adds `by` to a counter; past `max` it is rejected.',
  params: cellObject({
    by: wholeNumber({ min: 1 }).default(1),
    max: wholeNumber().optional(),
    ttlSeconds: ttlSeconds().optional(),
  }),
  cells: (params) => [params],
  args: ({ by, max }) => [by, max],
  ttlSeconds: (params) => params.ttlSeconds,
  lua,
  result: ([value = 0]) => ({ value }),
  rejections: {
    LIMIT_REACHED: ([value], params) => ({
      message: `${describeCell(params)} is ${value}; adding ${params.by} would pass the maximum of ${params.max}`,
    }),
  },
});

/** Subtracts from a counter; a missing one counts as 0. Below `min` it is rejected with `LIMIT_REACHED`. */
export const counterDecrement = defineOperation({
  name: 'counter.decrement',
  queue: 'counters',
  description: 'Subtracts `by` from a counter; below `min` it is rejected.',
  params: cellObject({
    by: wholeNumber({ min: 1 }).default(1),
    min: wholeNumber().optional(),
    ttlSeconds: ttlSeconds().optional(),
  }),
  cells: (params) => [params],
  args: ({ by, min }) => [by, min],
  ttlSeconds: (params) => params.ttlSeconds,
  lua,
  result: ([value = 0]) => ({ value }),
  rejections: {
    LIMIT_REACHED: ([value], params) => ({
      message: `${describeCell(params)} is ${value}; subtracting ${params.by} would pass the minimum of ${params.min}`,
    }),
  },
});
