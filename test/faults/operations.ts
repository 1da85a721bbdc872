import { z } from 'zod';
import { cellObject, defineOperation, wholeNumber } from '../../src/index.js';
import { createRegistry } from '../../src/operations/registry.js';

const MAX_DEBT = 500_000;

/** A custom operation, as users define theirs: pays from one cell to another, and leaves a mark in each of some more. */
const pay = defineOperation({
  name: 'purse.pay',
  params: z.strictObject({
    from: cellObject({}),
    to: cellObject({}),
    amount: wholeNumber({ min: 1 }),
    marks: z.array(cellObject({})),
  }),
  cells: ({ from, to, marks }) => [from, to, ...marks],
  args: ({ amount }) => [amount],
  lua: `
    return function(cells, args)
      local amount = args[1]
      if cells[1] - amount < -${MAX_DEBT} then
        return nil, 'TOO_DEEP_IN_DEBT', { cells[1] }
      end
      local values = { cells[1] - amount, cells[2] + amount }
      for n = 3, #cells do
        values[n] = cells[n] + 1
      end
      return values, values
    end
  `,
  result: ([from = 0, to = 0, ...marks]) => ({ from, to, marks }),
});

export const OPERATIONS = [pay];

/** The operations that all processes of a fault run know. */
export const REGISTRY = createRegistry(OPERATIONS);
