import { z } from 'zod';
import { cellObject, listOf, wholeNumber } from './cell-schema.js';
import { luaSource } from '../redis/lua-source.js';
import { bucketShape, inBucket, sameCell, TOO_LATE } from './bucket-params.js';
import { defineOperation } from './operation.js';

const levels = listOf(wholeNumber(), 'thresholds', { max: 1_000 }).refine(
  (thresholds) => thresholds.every((threshold, index) => index === 0 || threshold > (thresholds[index - 1] ?? 0)),
  {
    error: 'must ascend, each threshold once',
  },
);

const ofLevels = { level: z.int().exactOptional().meta({ description: 'How many of the `levels` are reached.' }) };

const lua = luaSource('plans/xp');

/**
 * Adds XP to a player; a missing one counts as 0. With `levels`, the result says which level that is (how
 * many thresholds are reached, 0 below the first) and whether this award reached a new one.
 */
export const xpAward = defineOperation({
  name: 'xp.award',
  queue: 'xp',
  description: 'Adds XP to a player and tells the level reached.',
  params: cellObject({
    /** How much, 1 or more. */
    amount: wholeNumber({ min: 1 }),
    /** Total XP from which on each level is reached, ascending; then the result tells the level. */
    levels: levels.optional(),
    ...bucketShape,
  }),
  cells: (params) => [inBucket(params, params)],
  inBuckets: true,
  args: ({ amount }) => [amount],
  lua,
  resultSchema: z.object({ xp: z.int(), ...ofLevels, leveledUp: z.boolean().exactOptional() }),
  result: ([xp = 0], { amount, levels }): { xp: number; level?: number; leveledUp?: boolean } => {
    if (levels === undefined) {
      return { xp };
    }
    const level = levelAt(xp, levels);
    return { xp, level, leveledUp: level > levelAt(xp - amount, levels) };
  },
  rejections: { TOO_LATE },
  // All of it, also what was taken or spent meanwhile: so that both together change nothing.
  revert: (params) => ({
    operation: 'xp.take',
    params: { ...sameCell(params, params), amount: params.amount, min: Number.MIN_SAFE_INTEGER, levels: params.levels },
  }),
});

/** Takes XP away, never below `min`: what is there. With `levels`, the result says which level is left and whether one was lost. */
export const xpTake = defineOperation({
  name: 'xp.take',
  queue: 'xp',
  description: 'Takes XP from a player, never below `min`, and tells the level that is left.',
  params: cellObject({
    /** How much, 1 or more. */
    amount: wholeNumber({ min: 1 }),
    /** What is left at least. @defaultValue 0 */
    min: wholeNumber().default(0),
    /** Total XP from which on each level is reached, ascending; then the result tells the level. */
    levels: levels.optional(),
    ...bucketShape,
  }),
  cells: (params) => [inBucket(params, params)],
  inBuckets: true,
  args: ({ amount, min }) => [amount, min],
  lua,
  resultSchema: z.object({ xp: z.int(), taken: z.int(), ...ofLevels, leveledDown: z.boolean().exactOptional() }),
  result: ([xp = 0, taken = 0], { levels }): { xp: number; taken: number; level?: number; leveledDown?: boolean } => {
    if (levels === undefined) {
      return { xp, taken };
    }
    const level = levelAt(xp, levels);
    return { xp, taken, level, leveledDown: level < levelAt(xp + taken, levels) };
  },
  rejections: { TOO_LATE },
  revert: (params, { taken }) =>
    taken === 0
      ? undefined
      : { operation: 'xp.award', params: { ...sameCell(params, params), amount: taken, levels: params.levels } },
});

function levelAt(xp: number, levels: readonly number[]): number {
  return levels.filter((threshold) => xp >= threshold).length;
}
