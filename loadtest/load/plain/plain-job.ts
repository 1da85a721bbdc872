import { z } from 'zod';
import type { Outcome, Update } from '../../../src/index.js';

/** The queue of the plain side; its keys begin with those of the load. */
export const PLAIN_QUEUE = 'plain';

/** What a job of the plain side carries: the arguments of its script. */
export interface PlainJob {
  readonly args: readonly (string | number)[];
}

const cell = { key: z.string(), member: z.string().optional() };

/** The arguments of the script that does what the update asks for. */
export function plainJob({ operation, params }: Update): PlainJob {
  switch (operation) {
    case 'inventory.take': {
      const { key, quantity, whenShort } = z
        .object({ ...cell, quantity: z.int(), whenShort: z.enum(['floor', 'reject']) })
        .parse(params);
      return { args: [whenShort, key, '', quantity] };
    }
    case 'scores.add': {
      const { entries } = z.object({ entries: z.array(z.object({ ...cell, by: z.int() })) }).parse(params);
      return { args: ['add', ...entries.flatMap(({ key, member = '', by }) => [key, member, by])] };
    }
    default: {
      const amounts = { by: z.int().optional(), amount: z.int().optional(), quantity: z.int().optional() };
      const { key, by, amount, quantity } = z.object({ ...cell, ...amounts }).parse(params);
      return { args: ['add', key, '', by ?? amount ?? quantity ?? 0] };
    }
  }
}

/** What the script returned, as Tally would say it. */
export function plainOutcome(returned: number): Outcome {
  return returned < 0
    ? { status: 'rejected', reason: 'INSUFFICIENT_STOCK', message: 'there is too little in stock' }
    : { status: 'applied', result: { taken: returned } };
}
