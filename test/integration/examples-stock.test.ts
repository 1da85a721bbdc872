import { expect, test } from 'vitest';
import { run as reserveStock } from '../../examples/14-reserve-stock.js';
import { run as reserveCart } from '../../examples/15-reserve-cart.js';
import { run as stockTake } from '../../examples/26-stock-take.js';
import { answersOf, applied } from '../support/run-example.js';
import { place } from '../support/tally.js';

test('stock is held, sold, and goes back when its time is over', async () => {
  const here = place();
  expect(await answersOf(here, reserveStock)).toEqual([
    applied({ available: 3, held: 2, expiresAt: '(as asked)' }),
    expect.objectContaining({ status: 'rejected', reason: 'INSUFFICIENT_STOCK' }),
    applied({ released: 1, available: 3 }),
    applied({ held: 2, expiresAt: '(as asked)' }),
    applied({ confirmed: 2, available: 3 }),
    '0',
    '3',
    expect.objectContaining({ status: 'rejected', reason: 'EXPIRED' }),
  ]);
});

test('a stock-take counts what is held, and refuses what can not be', async () => {
  const here = place();
  expect(await answersOf(here, stockTake)).toEqual([
    applied({ available: 14, held: 4, difference: -2 }),
    '14',
    expect.objectContaining({ status: 'rejected', reason: 'CHANGED' }),
    expect.objectContaining({ status: 'rejected', reason: 'BELOW_HELD' }),
  ]);
});

test('a cart is held and sold', async () => {
  const here = place();
  expect(await answersOf(here, reserveCart)).toEqual([
    'applied',
    applied({
      results: [
        { confirmed: 1, available: 0 },
        { confirmed: 3, available: 7 },
        { value: 1, applied: 1 },
      ],
    }),
  ]);
});
