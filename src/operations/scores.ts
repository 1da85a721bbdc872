import { z } from 'zod';
import { cellObject, distinctCells, namedCell, wholeNumber } from './cell-schema.js';
import { cellName } from '../redis/cell.js';
import { luaSource } from '../redis/lua-source.js';
import { bucketShape, checkBucketParams, inBucket, sameBucket, TOO_LATE } from './bucket-params.js';
import { defineOperation } from './operation.js';

const lua = luaSource('plans/scores');

/** Changes the scores of several players in one atomic step; each missing score starts at 0 on its own. */
export const scoresAdd = defineOperation({
  name: 'scores.add',
  queue: 'scores',
  description: 'Changes the scores of several players in one atomic step.',
  params: checkBucketParams(
    z.strictObject({
      /** 1 to 100, each cell once; `by` is any whole number. */
      entries: distinctCells(cellObject({ by: wholeNumber() })),
      ...bucketShape,
    }),
  ),
  cells: (params) => params.entries.map((entry) => inBucket(entry, params)),
  inBuckets: true,
  args: ({ entries }) => entries.map((entry) => entry.by),
  lua,
  resultSchema: z.object({ scores: z.array(z.object({ ...namedCell, value: z.int() })) }),
  result: (values, { entries }) => ({
    scores: entries.map((entry, index) => ({ ...cellName(entry), value: values[index] ?? 0 })),
  }),
  rejections: { TOO_LATE },
  revert: (params) => {
    const entries = params.entries.filter(({ by }) => by !== 0);
    return entries.length === 0
      ? undefined
      : {
          operation: 'scores.add',
          params: { entries: entries.map((entry) => ({ ...cellName(entry), by: -entry.by })), ...sameBucket(params) },
        };
  },
});

/** Keeps the better of a score and a new value; a missing score takes the value. */
export const scoresBest = defineOperation({
  name: 'scores.best',
  queue: 'scores',
  description: 'Keeps the better of a score and a new value: the `highest` or the `lowest`.',
  params: cellObject({
    value: wholeNumber(),
    /** Which of the two is the better one. @defaultValue `highest` */
    keep: z.enum(['highest', 'lowest'], { error: 'must be "highest" or "lowest"' }).default('highest'),
    ...bucketShape,
  }),
  cells: (params) => [inBucket(params, params)],
  inBuckets: true,
  args: ({ value, keep }) => [value, keep === 'lowest'],
  lua,
  resultSchema: z.object({ value: z.int(), improved: z.boolean() }),
  result: ([value = 0, improved]) => ({ value, improved: improved === 1 }),
  rejections: { TOO_LATE },
});
