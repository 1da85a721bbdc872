import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/operations/outcome.js';
import { CELL_KINDS, cellOf, store, stored } from './cells.js';
import { setup } from './setup.js';

const MAX = 9007199254740991;

function changed(value: number): Partial<Outcome> {
  return { status: 'applied', result: { scores: [expect.objectContaining({ value }) as unknown] } };
}

describe.each(CELL_KINDS)('a %s', (kind) => {
  const steps = [
    { from: String(MAX - 1), by: 1, to: MAX },
    { from: String(-MAX + 1), by: -1, to: -MAX },
    { from: String(MAX), by: -1, to: MAX - 1 },
    { from: String(-MAX), by: 1, to: -MAX + 1 },
    { from: String(MAX), by: -MAX, to: 0 },
    { from: String(-MAX), by: MAX, to: 0 },
    { from: '0', by: MAX, to: MAX },
    { from: '0', by: -MAX, to: -MAX },
    { from: '4503599627370497', by: 4503599627370494, to: MAX },
    { from: '99999999999999', by: 2, to: 100000000000001 }, // 15 digits, of which tostring would keep 14
    { from: '999999999999999', by: 1, to: 1000000000000000 },
  ];

  test.each(steps)('at $from, changed by $by, is exactly $to', async ({ from, by, to }) => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, from);

    const outcome = await applyOne({ operation: 'scores.add', params: { entries: [{ ...cell, by }] } });

    expect(outcome).toEqual(changed(to));
    expect(await stored(client, cell)).toBe(String(to));
  });

  test.each([
    { from: String(MAX), operation: 'counter.increment', change: { by: 1 } },
    { from: String(MAX), operation: 'counter.increment', change: { by: MAX } },
    { from: '1', operation: 'counter.increment', change: { by: MAX } },
    { from: String(-MAX), operation: 'counter.decrement', change: { by: 1 } },
    { from: String(-MAX), operation: 'counter.decrement', change: { by: MAX } },
    { from: String(MAX), operation: 'inventory.restock', change: { quantity: 1 } },
    { from: String(MAX), operation: 'xp.award', change: { amount: 1 } },
  ])('at $from is out of range for $operation with $change, and stays', async ({ from, operation, change }) => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, from);

    const outcome = await applyOne({ operation, params: { ...cell, ...change } });

    expect(outcome).toMatchObject({ status: 'failed', reason: 'OUT_OF_RANGE' });
    expect(outcome).toHaveProperty('message', expect.stringContaining(cell.key));
    expect(await stored(client, cell)).toBe(from);
  });

  test.each([5, -5])('at %i, changed to nothing, is 0 and never -0', async (value) => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, value);

    const outcome = await applyOne({ operation: 'scores.add', params: { entries: [{ ...cell, by: -value }] } });

    expect(outcome).toEqual(changed(0));
    expect(await stored(client, cell)).toBe('0');
  });

  test.each([0, -0])('that is missing and changed by %d is created as 0 and never -0', async (by) => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('n'));

    expect(await applyOne({ operation: 'scores.add', params: { entries: [{ ...cell, by }] } })).toEqual(changed(0));
    expect(await stored(client, cell)).toBe('0');
  });

  test('shows the cell that would leave the range among many', async () => {
    const { applyOne, client, key } = setup();
    const cells = ['a', 'b', 'c'].map((name) => cellOf(kind, key(name), name));
    await store(client, cells[1]!, MAX);

    const outcome = await applyOne({
      operation: 'scores.add',
      params: { entries: cells.map((cell) => ({ ...cell, by: 1 })) },
    });

    expect(outcome).toMatchObject({ status: 'failed', reason: 'OUT_OF_RANGE' });
    expect(outcome).toHaveProperty('message', expect.stringContaining(key('b')));
    expect(await client.exists(key('a'), key('c'))).toBe(0);
  });
});

/** Numbers to Lua, or to someone; not integers to INCRBY, or not within +-(2^53 - 1). */
const NOT_INTEGERS = [
  ...[' 1', '1 ', '+1', '1e3', '0x10', '01', '00', '-01', '-0', '1.0', '1.5', '.5', '', ' ', '-', 'abc', '1a'],
  ...['nan', 'inf', '-inf', 'Infinity', 'true', '١', '1\u0000', '1\n', '9007199254740992', '9007199254740993'],
  ...['-9007199254740992', '-9007199254740993', '9223372036854775808', '1'.repeat(400)],
];

describe.each(['string', 'hash field'] as const)('a %s', (kind) => {
  test.each(NOT_INTEGERS)('that holds %j is not an integer, and stays', async (text) => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('n'));
    await store(client, cell, text);

    const outcome = await applyOne({ operation: 'counter.decrement', params: { ...cell } });

    expect(outcome).toMatchObject({ status: 'failed', reason: 'NOT_AN_INTEGER' });
    expect(await stored(client, cell)).toBe(text);
  });
});

describe('a sorted-set member', () => {
  test.each(['1.5', '-0.5', '1e-9', 'inf', '-inf', '9007199254740992', '1e300', '-9007199254740994'])(
    'with the score %s is not an integer, and stays',
    async (score) => {
      const { applyOne, client, key } = setup();
      const cell = { key: key('board'), member: 'ann' };
      await store(client, cell, score);
      const before = await stored(client, cell);

      const outcome = await applyOne({ operation: 'counter.increment', params: cell });

      expect(outcome).toMatchObject({ status: 'failed', reason: 'NOT_AN_INTEGER' });
      expect(await stored(client, cell)).toBe(before);
    },
  );

  test.each([
    { score: '5e15', next: '5000000000000001' },
    { score: '1e3', next: '1001' },
    { score: '7.0', next: '8' },
    { score: '-0', next: '1' },
    { score: '9007199254740990', next: '9007199254740991' },
    { score: '123456789012345', next: '123456789012346' },
  ])('with the score $score counts on to $next', async ({ score, next }) => {
    const { applyOne, client, key } = setup();
    const cell = { key: key('board'), member: 'ann' };
    await store(client, cell, score);

    const outcome = await applyOne({ operation: 'counter.increment', params: cell });

    expect(outcome).toEqual({ status: 'applied', result: { value: Number(next), applied: 1 } });
    expect(await stored(client, cell)).toBe(next);
  });

  test('with the score -0 is told as 0 when nothing is added', async () => {
    const { applyOne, client, key } = setup();
    const cell = { key: key('board'), member: 'ann' };
    await store(client, cell, '-0');

    const outcome = await applyOne({ operation: 'scores.add', params: { entries: [{ ...cell, by: 0 }] } });

    expect(outcome).toEqual(changed(0));
  });
});

test('a plain INCRBY, HINCRBY or ZINCRBY of another service goes on from what was written', async () => {
  const { applyOne, client, key } = setup();
  const cells = CELL_KINDS.map((kind) => cellOf(kind, key(kind)));
  await applyOne({ operation: 'scores.add', params: { entries: cells.map((cell) => ({ ...cell, by: MAX - 1 })) } });

  await client.incrby(key('string'), 1);
  await client.hincrby(key('hash field'), 'points', 1);
  await client.zincrby(key('sorted-set member'), 1, 'points');

  expect(await Promise.all(cells.map((cell) => stored(client, cell)))).toEqual(CELL_KINDS.map(() => String(MAX)));
});

test('the numbers of a rejection are exact', async () => {
  const { applyOne, client, key } = setup();
  const params = { key: key('n'), quantity: MAX, whenShort: 'reject' };
  await client.set(params.key, MAX - 1);

  expect(await applyOne({ operation: 'inventory.take', params })).toMatchObject({
    status: 'rejected',
    short: [{ available: MAX - 1, quantity: MAX }],
  });
});
