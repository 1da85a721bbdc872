import { expect, test } from 'vitest';
import { holdsAddUp } from './oracle/holds.js';
import type { Evidence } from './oracle/evidence.js';
import type { JobRecord } from './oracle/job-record.js';
import { History } from './oracle/history.js';

/** Jobs of one update each, applied with these numbers: 3 are still held in the end. */
const APPLIED: readonly [verb: string, params: object, outcome: string][] = [
  ['reserve', { reservation: 'cart-a-of-3', quantity: 3, ttlSeconds: 5 }, '37,3,9'],
  ['reserve', { reservation: 'cart-b-of-3', quantity: 3, ttlSeconds: 5 }, '34,3,9'],
  ['extend', { reservation: 'cart-a-of-3', ttlSeconds: 5 }, '3,12'],
  ['confirm', { reservation: 'cart-a-of-3', quantity: 2 }, '2,35'],
  ['expire', { reservations: ['cart-b-of-3'] }, '3,38'],
  ['reserve', { reservation: 'cart-c-of-3', quantity: 3, ttlSeconds: 5 }, '35,3,9'],
];

function complaints(
  { over = 0, ...sums }: { total: number; sum: number; over?: number },
  outcomes = APPLIED.map(([, , outcome]) => outcome),
): string[] {
  const jobs = APPLIED.map(([verb, params], index): JobRecord => {
    const id = `01900000-0000-7000-8000-00000000000${index}`;
    const place = { id, name: id, prefix: 'tally-queues', queue: 'inventory', form: 2, digest: 'AbCd1234' };
    const updates = [{ params: { key: 'stock:0', ...params } }];
    const returnvalue = `tally/2 AbCd1234 ${outcomes[index]!}`;
    return { ...place, operation: `inventory.${verb}`, updates, isFinished: true, returnvalue };
  });
  const evidence = { held: new Map([['"stock:0"', { ...sums, over }]]), jobs } as unknown as Evidence;
  return [...holdsAddUp(evidence, new History(evidence))];
}

test('what is held adds up with what was sold and given back', () => {
  expect(complaints({ total: 3, sum: 3 })).toEqual([]);
});

test('it shows when it was given back and is still held', () => {
  expect(complaints({ total: 6, sum: 6 })).toEqual(['6 of "stock:0" are held, but the updates applied to it make 3']);
});

test('it shows when its reservations hold something else', () => {
  expect(complaints({ total: 3, sum: 0 })).toEqual(['3 of "stock:0" are held, but 0 by its reservations']);
});

test('what was rejected holds nothing', () => {
  const outcomes = APPLIED.map(([, , outcome], place) => (place === 5 ? '!INSUFFICIENT_STOCK,2' : outcome));
  expect(complaints({ total: 0, sum: 0 }, outcomes)).toEqual([]);
});

test('it shows when something is held whose time is over', () => {
  expect(complaints({ total: 3, sum: 3, over: 1 })).toEqual([
    '1 reservations of "stock:0" are over, but what they hold was not given back',
  ]);
});
