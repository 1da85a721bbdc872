import { z } from 'zod';
import type { Cell } from '../../src/redis/cell.js';
import { cellObject, wholeNumber } from '../../src/operations/cell-schema.js';
import { defineOperation } from '../../src/operations/operation.js';
import type { Update } from '../../src/operations/update.js';

/** A custom operation: moves an amount from one cell to another, never below zero. */
export const pointsMove = defineOperation({
  name: 'points.move',
  description: 'Moves points from one cell to another.',
  params: z.strictObject({ from: cellObject({}), to: cellObject({}), amount: wholeNumber({ min: 1 }) }),
  cells: ({ from, to }) => [from, to],
  args: ({ amount }) => [amount],
  lua: `
    return function(cells, args)
      if cells[1] < args[1] then
        return nil, 'NOT_ENOUGH', { cells[1] }
      end
      return { cells[1] - args[1], cells[2] + args[1] }, { cells[1] - args[1], cells[2] + args[1] }
    end
  `,
  result: ([from = 0, to = 0]) => ({ from, to }),
});

export interface Sample {
  /** An update of the operation that touches this cell, besides others of names that start with `key`. */
  readonly update: (cell: Cell, key: string) => Update;
  /** A value of the cell that the update would take out of range; absent when there is none. */
  readonly outOfRangeFrom?: number;
  /** Whether it removes the cell. */
  readonly removes?: true;
}

const MAX = Number.MAX_SAFE_INTEGER;

/** What changes nothing unless stock is held: see test/lua/reservations.test.ts. */
export const NEEDS_HOLD: ReadonlySet<string> = new Set(
  ['extend', 'confirm', 'release', 'expire'].map((verb) => `inventory.${verb}`),
);

/** One update of each other operation, each of which applies when all cells are missing or 0, unless poisoned. */
export const SAMPLES: Readonly<Record<string, Sample>> = {
  'counter.increment': {
    update: (cell) => ({ operation: 'counter.increment', params: { ...cell, by: 2 } }),
    outOfRangeFrom: MAX - 1,
  },
  'counter.decrement': {
    update: (cell) => ({ operation: 'counter.decrement', params: { ...cell, by: 2 } }),
    outOfRangeFrom: -MAX + 1,
  },
  'counter.set': { update: (cell) => ({ operation: 'counter.set', params: { ...cell, value: 2 } }) },
  'counter.remove': { update: (cell) => ({ operation: 'counter.remove', params: { ...cell } }), removes: true },
  'inventory.take': { update: (cell) => ({ operation: 'inventory.take', params: { ...cell, quantity: 2 } }) },
  'inventory.restock': {
    update: (cell) => ({ operation: 'inventory.restock', params: { ...cell, quantity: 2 } }),
    outOfRangeFrom: MAX - 1,
  },
  'inventory.takeAll': {
    update: (cell, key) => ({
      operation: 'inventory.takeAll',
      params: {
        items: [
          { key: `${key}:stocked`, quantity: 1 },
          { ...cell, quantity: 1 },
        ],
      },
    }),
  },
  'inventory.count': {
    update: (cell) => ({ operation: 'inventory.count', params: { ...cell, counted: 2, of: 'onHand' } }),
    outOfRangeFrom: -MAX,
  },
  'inventory.reserve': {
    update: (cell) => ({
      operation: 'inventory.reserve',
      params: { ...cell, quantity: 2, reservation: 'r', ttlSeconds: 60, min: -MAX },
    }),
  },
  'xp.award': {
    update: (cell) => ({ operation: 'xp.award', params: { ...cell, amount: 2, levels: [1, 10] } }),
    outOfRangeFrom: MAX - 1,
  },
  'xp.take': {
    update: (cell) => ({ operation: 'xp.take', params: { ...cell, amount: 2, min: -MAX, levels: [1, 10] } }),
  },
  'scores.add': {
    update: (cell, key) => ({
      operation: 'scores.add',
      params: {
        entries: [
          { key: `${key}:hash`, field: 'f', by: 1 },
          { ...cell, by: -2 },
          { key: `${key}:zset`, member: 'm', by: 1 },
        ],
      },
    }),
    outOfRangeFrom: -MAX + 1,
  },
  'scores.best': {
    update: (cell) => ({ operation: 'scores.best', params: { ...cell, value: -2, keep: 'lowest' } }),
  },
  'points.move': {
    update: (cell, key) => ({
      operation: 'points.move',
      params: { from: { key: `${key}:stocked` }, to: cell, amount: 2 },
    }),
    outOfRangeFrom: MAX - 1,
  },
  transaction: {
    update: (cell, key) => ({
      operation: 'transaction',
      params: {
        updates: [
          { operation: 'counter.increment', params: { key: `${key}:ttl`, ttlSeconds: 60 } },
          { operation: 'counter.increment', params: { ...cell, by: 2 } },
          { operation: 'scores.add', params: { entries: [{ key: `${key}:zset`, member: 'm', by: 1 }] } },
        ],
      },
    }),
    outOfRangeFrom: MAX - 1,
  },
};
