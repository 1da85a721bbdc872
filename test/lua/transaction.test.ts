import { describe, expect, test } from 'vitest';
import { CELL_KINDS, cellOf, store, stored } from './cells.js';
import { setup } from './setup.js';

interface Inner {
  operation: string;
  params: unknown;
}

const begin = () => {
  const all = setup();
  return { ...all, transact: (updates: Inner[]) => all.applyOne({ operation: 'transaction', params: { updates } }) };
};

describe.each(CELL_KINDS)('a transaction on %s cells', (kind) => {
  test('applies its updates in order, each seeing the ones before', async () => {
    const { transact, client, key } = begin();
    const cell = cellOf(kind, key('stock'));

    const outcome = await transact([
      { operation: 'inventory.restock', params: { ...cell, quantity: 10 } },
      { operation: 'inventory.take', params: { ...cell, quantity: 4, whenShort: 'reject' } },
      { operation: 'counter.decrement', params: { ...cell, by: 1, min: 5 } },
      { operation: 'xp.award', params: { ...cell, amount: 95, levels: [100] } },
      { operation: 'scores.add', params: { entries: [{ ...cell, by: -1 }] } },
    ]);

    expect(outcome).toEqual({
      status: 'applied',
      result: {
        results: [
          { available: 10 },
          { available: 6, taken: 4 },
          { value: 5, applied: 1 },
          { xp: 100, level: 1, leveledUp: true },
          { scores: [{ ...cell, value: 99 }] },
        ],
      },
    });
    expect(await stored(client, cell)).toBe('99');
  });

  test('is rejected whole by one rejection, which it names', async () => {
    const { transact, client, key } = begin();
    const [stock, sales, xp] = ['stock', 'sales', 'xp'].map((name) => cellOf(kind, key(name)));
    await store(client, stock!, 1);
    await store(client, sales!, 7);

    const outcome = await transact([
      { operation: 'counter.increment', params: { ...sales } },
      { operation: 'xp.award', params: { ...xp, amount: 5 } },
      { operation: 'inventory.take', params: { ...stock, quantity: 2, whenShort: 'reject' } },
    ]);

    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: 'INSUFFICIENT_STOCK',
      update: 2,
      short: [{ ...stock, quantity: 2, available: 1 }],
    });
    expect(outcome).toHaveProperty('message', expect.stringContaining('update 2 (inventory.take)'));
    expect([await stored(client, stock!), await stored(client, sales!)]).toEqual(['1', '7']);
    expect(await client.exists(xp!.key)).toBe(0);
  });

  test('fails whole when one update can not be applied, which it names', async () => {
    const { transact, client, key } = begin();
    const [good, bad] = [cellOf(kind, key('good')), cellOf(kind, key('bad'))];
    await client.rpush(bad.key, 'a list');

    const outcome = await transact([
      { operation: 'counter.increment', params: { ...good } },
      { operation: 'counter.increment', params: { ...bad } },
    ]);

    expect(outcome).toMatchObject({ status: 'failed', reason: 'WRONG_TYPE', update: 1 });
    expect(await client.exists(good.key)).toBe(0);
  });

  test('that was refused leaves no trace for the next one in the same job', async () => {
    const { apply, client, key } = begin();
    const cell = cellOf(kind, key('counter'));
    const increments = (by: number, max: number) => ({
      operation: 'transaction',
      params: {
        updates: [
          { operation: 'counter.increment', params: { ...cell, by } },
          { operation: 'counter.increment', params: { ...cell, by, max } },
        ],
      },
    });

    const outcomes = await apply([increments(10, 15), increments(1, 15), increments(100, 150), increments(2, 15)]);

    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: 'LIMIT_REACHED', update: 1 },
      { status: 'applied', result: { results: [{ value: 1 }, { value: 2 }] } },
      { status: 'rejected', reason: 'LIMIT_REACHED', update: 1 },
      { status: 'applied', result: { results: [{ value: 4 }, { value: 6 }] } },
    ]);
    expect(await stored(client, cell)).toBe('6');
  });
});

test('a transaction names the first update that is in the way', async () => {
  const { transact, key } = begin();
  const tooMuch = { operation: 'counter.increment', params: { key: key('counter'), max: 0 } };

  expect(await transact([tooMuch, tooMuch])).toMatchObject({ status: 'rejected', update: 0 });
});

test('a transaction that would leave the range halfway fails, although its end would be in range', async () => {
  const { transact, client, key } = begin();
  await client.set(key('counter'), '9007199254740991');

  const outcome = await transact([
    { operation: 'counter.increment', params: { key: key('counter') } },
    { operation: 'counter.decrement', params: { key: key('counter') } },
  ]);

  expect(outcome).toMatchObject({ status: 'failed', reason: 'OUT_OF_RANGE', update: 0 });
  expect(await client.get(key('counter'))).toBe('9007199254740991');
});

test('a key that a refused transaction created does not keep its TTL for the next update in the job', async () => {
  const { apply, client, key } = begin();
  const counter = { key: key('counter') };
  const reject = { operation: 'counter.increment', params: { key: key('full'), max: 0 } };
  const transaction = (first: Inner, second: Inner) => ({
    operation: 'transaction',
    params: { updates: [first, second] },
  });

  const outcomes = await apply([
    transaction({ operation: 'counter.increment', params: { ...counter, ttlSeconds: 60 } }, reject),
    transaction(
      { operation: 'counter.increment', params: counter },
      { operation: 'counter.increment', params: { ...counter, ttlSeconds: 90 } },
    ),
  ]);

  expect(outcomes).toMatchObject([{ status: 'rejected' }, { status: 'applied' }]);
  expect(await client.get(counter.key)).toBe('2');
  expect(await client.pttl(counter.key)).toBe(-1);
});

test('a key that a refused transaction would have created is still missing to the next update in the job', async () => {
  const { apply, client, key } = begin();
  const [counter, stock] = [{ key: key('counter') }, { key: key('stock') }];
  const transaction = (...updates: Inner[]) => ({ operation: 'transaction', params: { updates } });

  const outcomes = await apply([
    transaction(
      { operation: 'counter.increment', params: counter },
      { operation: 'inventory.restock', params: { ...stock, quantity: 5 } },
      { operation: 'counter.increment', params: { key: key('full'), max: 0 } },
    ),
    transaction(
      { operation: 'counter.increment', params: { ...counter, ttlSeconds: 3600 } },
      { operation: 'inventory.take', params: { ...stock, quantity: 5 } },
    ),
  ]);

  expect(outcomes).toMatchObject([
    { status: 'rejected', update: 2 },
    {
      status: 'applied',
      result: {
        results: [
          { value: 1, applied: 1 },
          { available: 0, taken: 0 },
        ],
      },
    },
  ]);
  expect(await client.pttl(counter.key)).toBeGreaterThan(3_500_000);
  expect(await client.get(stock.key)).toBe('0');
});

test('a transaction sets the TTL of the key that it creates', async () => {
  const { transact, client, key } = begin();
  const counter = { key: key('counter') };

  await transact([
    { operation: 'counter.increment', params: { ...counter, ttlSeconds: 3600 } },
    { operation: 'counter.increment', params: counter },
  ]);

  expect(await client.pttl(counter.key)).toBeGreaterThan(3_500_000);
});

test('a transaction takes a cart, awards XP and counts the sale in one step', async () => {
  const { transact, client, key } = begin();
  await client.mset(key('apple'), 5, key('pear'), 5);
  const sale = [
    {
      operation: 'inventory.takeAll',
      params: {
        items: [
          { key: key('apple'), quantity: 3 },
          { key: key('pear'), quantity: 3 },
        ],
      },
    },
    { operation: 'xp.award', params: { key: key('players'), field: 'ann', amount: 50 } },
    { operation: 'scores.add', params: { entries: [{ key: key('board'), member: 'ann', by: 1 }] } },
  ];

  expect(await transact(sale)).toMatchObject({ status: 'applied' });
  expect(await transact(sale)).toMatchObject({
    status: 'rejected',
    update: 0,
    short: [
      { key: key('apple'), available: 2 },
      { key: key('pear'), available: 2 },
    ],
  });
  expect(await client.mget(key('apple'), key('pear'))).toEqual(['2', '2']);
  expect(await client.hget(key('players'), 'ann')).toBe('50');
  expect(await client.zscore(key('board'), 'ann')).toBe('1');
});
