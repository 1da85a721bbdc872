import { cellObject, defineOperation, wholeNumber } from '../src/index.js';

/** Spends a player's energy, but only if there is enough of it. */
export const energySpend = defineOperation({
  name: 'energy.spend',
  description: "Spends a player's energy if there is enough of it.",
  params: cellObject({ amount: wholeNumber({ min: 1 }) }),
  cells: (params) => [params],
  args: ({ amount }) => [amount],
  lua: `
    return function(cells, args)
      local energy, amount = cells[1], args[1]
      if energy < amount then
        return nil, 'NOT_ENOUGH_ENERGY', { energy }
      end
      local left = energy - amount
      return { left }, { left }
    end
  `,
  result: ([energy = 0]) => ({ energy }),
  rejections: {
    NOT_ENOUGH_ENERGY: ([energy = 0], { amount }) => ({ message: `${amount} energy needed, ${energy} there` }),
  },
  revert: ({ amount, ...cell }) => ({ operation: 'counter.increment', params: { ...cell, by: amount } }),
});
