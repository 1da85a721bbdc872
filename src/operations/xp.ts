import { z } from 'zod';
import { cellObject, wholeNumber } from './cell-schema.js';
import { luaSource } from '../redis/lua-source.js';
import { defineOperation } from './operation.js';

const levels = z
  .array(wholeNumber())
  .min(1)
  .max(1000)
  .refine(
    (thresholds) => thresholds.every((threshold, index) => index === 0 || threshold > (thresholds[index - 1] ?? 0)),
    {
      error: 'must ascend, each threshold once',
    },
  );

/**
 * Adds XP to a player; a missing one counts as 0. With `levels`, the result says which level that is (how
 * many thresholds are reached, 0 below the first) and whether this award reached a new one.
 */
export const xpAward = defineOperation({
  name: 'xp.award',
  queue: 'xp',
  description: 'Adds XP to a player and tells the level reached.',
  params: cellObject({ amount: wholeNumber({ min: 1 }), levels: levels.optional() }),
  cells: (params) => [params],
  args: ({ amount }) => [amount],
  lua: luaSource('plans/xp'),
  result: ([xp = 0], { amount, levels }): { xp: number; level?: number; leveledUp?: boolean } => {
    if (levels === undefined) {
      return { xp };
    }
    const level = levelAt(xp, levels);
    return { xp, level, leveledUp: level > levelAt(xp - amount, levels) };
  },
});

function levelAt(xp: number, levels: readonly number[]): number {
  return levels.filter((threshold) => xp >= threshold).length;
}
