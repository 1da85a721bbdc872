import { z } from 'zod';
import type { Update } from '../../src/index.js';
import { changeArgs } from './scripts.js';
import type { ScriptArgs } from './scripts.js';

/** What a job carries: what its worker calls the script with. */
export interface UpdateJob {
  readonly args: ScriptArgs;
}

// Made once: zod compiles a schema at its first use, which took 145 to 267 us of each increment instead of 1.5 to 2.6.
const cell = { key: z.string(), member: z.string().optional() };
const taking = z.object({ ...cell, quantity: z.int(), whenShort: z.enum(['floor', 'reject']) });
const adding = z.object({ entries: z.array(z.object({ ...cell, by: z.int() })) });
const changing = z.object({
  ...cell,
  by: z.int().optional(),
  amount: z.int().optional(),
  quantity: z.int().optional(),
});

/** The job that does what the update of a load asks for, by the script of all changes. */
export function updateJob({ operation, params }: Update): UpdateJob {
  switch (operation) {
    case 'inventory.take': {
      const { key, quantity, whenShort } = taking.parse(params);
      return { args: changeArgs(whenShort, [{ cell: { key }, by: quantity }]) };
    }
    case 'scores.add': {
      const { entries } = adding.parse(params);
      return {
        args: changeArgs(
          'add',
          entries.map(({ by, ...it }) => ({ cell: it, by })),
        ),
      };
    }
    default: {
      const { key, by, amount, quantity } = changing.parse(params);
      return { args: changeArgs('add', [{ cell: { key }, by: by ?? amount ?? quantity ?? 0 }]) };
    }
  }
}
