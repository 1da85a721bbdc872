import { z } from 'zod';
import {
  cellObject,
  changed,
  distinctCells,
  expected,
  expectedArgument,
  namedCell,
  wholeNumber,
} from './cell-schema.js';
import { cellName, describeCell, HoldCell } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import { luaSource } from '../redis/lua-source.js';
import { defineOperation } from './operation.js';
import type { Inverse } from './operation.js';

const lua = luaSource('plans/inventory');
const quantity = wholeNumber({ min: 1 });
const available = z.int();

const putBack = (stock: Cell, quantity: number): Inverse => ({
  operation: 'inventory.restock',
  params: { ...cellName(stock), quantity },
});

/** Takes stock, never below zero: what is there (`floor`), or all or nothing (`reject`). */
export const inventoryTake = defineOperation({
  name: 'inventory.take',
  queue: 'inventory',
  description:
    'Takes stock, never below zero. When short it is applied with what is there as `taken`, even 0 (`floor`), or rejected (`reject`): who must not ship what is not there gives `reject`.',
  params: cellObject({
    quantity,
    /** What happens when too little is there: take that, even nothing (`floor`), or be rejected (`reject`). @defaultValue `floor` */
    whenShort: z.enum(['floor', 'reject'], { error: 'must be "floor" or "reject"' }).default('floor'),
  }),
  cells: (params) => [params],
  args: ({ quantity, whenShort }) => [quantity, whenShort === 'reject'],
  lua,
  resultSchema: z.object({
    available,
    taken: z.int().meta({ description: 'With `floor` it may be less than was asked for.' }),
  }),
  result: ([available = 0, taken = 0]) => ({ available, taken }),
  rejections: {
    INSUFFICIENT_STOCK: ([available = 0], params) => ({
      message: `${describeCell(params)} has ${available} in stock, ${params.quantity} wanted`,
      short: [{ ...cellName(params), quantity: params.quantity, available }],
    }),
  },
  revert: (params, { taken }) => (taken === 0 ? undefined : putBack(params, taken)),
});

/** Adds stock; a missing key counts as 0. */
export const inventoryRestock = defineOperation({
  name: 'inventory.restock',
  queue: 'inventory',
  description: 'Adds stock.',
  params: cellObject({ quantity }),
  cells: (params) => [params],
  args: ({ quantity }) => [quantity],
  lua,
  resultSchema: z.object({ available }),
  result: ([available = 0]) => ({ available }),
  rejections: {},
  // All or nothing: what was sold meanwhile can't be taken off the shelf.
  revert: (params) => ({
    operation: 'inventory.take',
    params: { ...cellName(params), quantity: params.quantity, whenShort: 'reject' },
  }),
});

/** Takes every item of a cart, or none: short items are named in the rejection. */
export const inventoryTakeAll = defineOperation({
  name: 'inventory.takeAll',
  queue: 'inventory',
  description: 'Takes all items of a cart, or none.',
  params: z.strictObject({ items: distinctCells(cellObject({ quantity })) }),
  cells: ({ items }) => items,
  args: ({ items }) => items.map((item) => item.quantity),
  lua,
  resultSchema: z.object({ items: z.array(z.object({ ...namedCell, available })) }),
  result: (available, { items }) => ({
    items: items.map((item, index) => ({ ...cellName(item), available: available[index] ?? 0 })),
  }),
  rejections: {
    INSUFFICIENT_STOCK: (details, { items }) => {
      const short = items.flatMap((item, index) => {
        const at = details.findIndex((detail, place) => place % 2 === 0 && detail === index + 1);
        return at === -1 ? [] : [{ ...cellName(item), quantity: item.quantity, available: details[at + 1] ?? 0 }];
      });
      const words = short.map((item) => `${describeCell(item)} has ${item.available}, ${item.quantity} wanted`);
      return { message: words.join('; '), short };
    },
  },
  revert: ({ items }) => items.map((item) => putBack(item, item.quantity)),
});

/**
 * Corrects stock after a stock-take: what is in the shelf (`onHand`) less what is held, or what can be sold (`available`). With
 * `expected` only if that is available; else rejected with `CHANGED`. Less than what is held is rejected with `BELOW_HELD`.
 */
export const inventoryCount = defineOperation({
  name: 'inventory.count',
  queue: 'inventory',
  description: 'Sets stock to what was counted, less what is held; with `expected` only if that is available.',
  params: cellObject({
    /** What was counted, 0 or more. */
    counted: wholeNumber({ min: 0 }),
    /** Whether that is all that lies in the shelf (`onHand`), or without what is held (`available`). */
    of: z.enum(['onHand', 'available'], {
      error: 'must be "onHand" (all that lies in the shelf) or "available" (without what is held)',
    }),
    expected: expected(),
  }),
  cells: (params) => [params, new HoldCell(cellName(params), 'total')],
  args: ({ counted, of, expected }) => [counted, of === 'onHand', expectedArgument(expected)],
  lua,
  resultSchema: z.object({ available, held: z.int(), difference: z.int() }),
  result: ([available = 0, difference = 0, held = 0]) => ({ available, held, difference }),
  rejections: {
    CHANGED: changed,
    BELOW_HELD: ([held = 0], params) => ({
      message:
        `${params.counted} of ${describeCell(params)} were counted, but ${held} are held: ` +
        'release reservations, or count again',
      held,
    }),
  },
});
