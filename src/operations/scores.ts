import { z } from 'zod';
import { cellObject, distinctCells, wholeNumber } from './cell-schema.js';
import { cellName } from '../redis/cell.js';
import { luaSource } from '../redis/lua-source.js';
import { defineOperation } from './operation.js';

/** Changes the scores of several players in one atomic step; each missing score starts at 0 on its own. */
export const scoresAdd = defineOperation({
  name: 'scores.add',
  queue: 'scores',
  description: 'Changes the scores of several players in one atomic step.',
  params: z.strictObject({ entries: distinctCells(cellObject({ by: wholeNumber() })) }),
  cells: ({ entries }) => entries,
  args: ({ entries }) => entries.map((entry) => entry.by),
  lua: luaSource('plans/scores'),
  result: (values, { entries }) => ({
    scores: entries.map((entry, index) => ({ ...cellName(entry), value: values[index] ?? 0 })),
  }),
});
