import { describe, expect, test } from 'vitest';
import { CELL_KINDS, cellOf, store, stored } from './cells.js';
import { setup } from './setup.js';

describe.each(CELL_KINDS)('on a %s', (kind) => {
  test('an increment adds what it says, and 1 by default, to a counter that counts as 0 while missing', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('counter'));

    expect(await applyOne({ operation: 'counter.increment', params: { ...cell } })).toEqual({
      status: 'applied',
      result: { value: 1, applied: 1 },
    });
    expect(await applyOne({ operation: 'counter.increment', params: { ...cell, by: 41 } })).toEqual({
      status: 'applied',
      result: { value: 42, applied: 41 },
    });
    expect(await stored(client, cell)).toBe('42');
  });

  test('a decrement subtracts what it says, and 1 by default, below zero too', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('counter'));

    expect(await applyOne({ operation: 'counter.decrement', params: { ...cell } })).toEqual({
      status: 'applied',
      result: { value: -1, applied: 1 },
    });
    expect(await applyOne({ operation: 'counter.decrement', params: { ...cell, by: 9 } })).toEqual({
      status: 'applied',
      result: { value: -10, applied: 9 },
    });
    expect(await stored(client, cell)).toBe('-10');
  });

  test('an increment reaches max and no further', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('quota'));
    await store(client, cell, 7);

    const reach = await applyOne({ operation: 'counter.increment', params: { ...cell, by: 3, max: 10 } });
    expect(reach).toEqual({ status: 'applied', result: { value: 10, applied: 3 } });
    const pass = await applyOne({ operation: 'counter.increment', params: { ...cell, by: 1, max: 10 } });
    expect(pass).toMatchObject({ status: 'rejected', reason: 'LIMIT_REACHED' });
    expect(pass).toHaveProperty('message', expect.stringMatching(/is 10; adding 1 .* maximum of 10/));
    expect(await stored(client, cell)).toBe('10');
  });

  test('a decrement reaches min and no further', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('balance'));
    await store(client, cell, 7);

    const reach = await applyOne({ operation: 'counter.decrement', params: { ...cell, by: 5, min: 2 } });
    expect(reach).toEqual({ status: 'applied', result: { value: 2, applied: 5 } });
    const pass = await applyOne({ operation: 'counter.decrement', params: { ...cell, by: 2, min: 1 } });
    expect(pass).toMatchObject({ status: 'rejected', reason: 'LIMIT_REACHED' });
    expect(pass).toHaveProperty('message', expect.stringMatching(/is 2; subtracting 2 .* minimum of 1/));
    expect(await stored(client, cell)).toBe('2');
  });

  test('a rejected update does not create its key', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('counter'));

    const outcome = await applyOne({ operation: 'counter.increment', params: { ...cell, by: 2, max: 1 } });

    expect(outcome).toMatchObject({ status: 'rejected', reason: 'LIMIT_REACHED' });
    expect(await client.exists(cell.key)).toBe(0);
  });

  test('a take with floor takes what is there', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('stock'));
    await store(client, cell, 10);

    const take = (quantity: number) => applyOne({ operation: 'inventory.take', params: { ...cell, quantity } });

    expect(await take(7)).toEqual({ status: 'applied', result: { available: 3, taken: 7 } });
    expect(await take(7)).toEqual({ status: 'applied', result: { available: 0, taken: 3 } });
    expect(await take(7)).toEqual({ status: 'applied', result: { available: 0, taken: 0 } });
    expect(await stored(client, cell)).toBe('0');
  });

  test('a take with floor creates a missing key as 0', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('stock'));

    const outcome = await applyOne({ operation: 'inventory.take', params: { ...cell, quantity: 3 } });

    expect(outcome).toEqual({ status: 'applied', result: { available: 0, taken: 0 } });
    expect(await stored(client, cell)).toBe('0');
  });

  test('a take with floor leaves stock alone that another service made negative', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('stock'));
    await store(client, cell, -4);

    const outcome = await applyOne({ operation: 'inventory.take', params: { ...cell, quantity: 3 } });

    expect(outcome).toEqual({ status: 'applied', result: { available: -4, taken: 0 } });
    expect(await stored(client, cell)).toBe('-4');
  });

  test.each([5, 0, -4, undefined])('a take with reject of more than the %s in stock takes nothing', async (stock) => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('stock'));
    if (stock !== undefined) {
      await store(client, cell, stock);
    }

    const outcome = await applyOne({
      operation: 'inventory.take',
      params: { ...cell, quantity: 6, whenShort: 'reject' },
    });

    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: 'INSUFFICIENT_STOCK',
      short: [{ ...cell, quantity: 6, available: stock ?? 0 }],
    });
    expect(await stored(client, cell)).toBe(stock === undefined ? null : String(stock));
  });

  test('a take with reject of all there is takes it', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('stock'));
    await store(client, cell, 6);

    const outcome = await applyOne({
      operation: 'inventory.take',
      params: { ...cell, quantity: 6, whenShort: 'reject' },
    });

    expect(outcome).toEqual({ status: 'applied', result: { available: 0, taken: 6 } });
    expect(await stored(client, cell)).toBe('0');
  });

  test('a restock adds to the stock, and creates it', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('stock'));
    const restock = (quantity: number) => applyOne({ operation: 'inventory.restock', params: { ...cell, quantity } });

    expect(await restock(20)).toEqual({ status: 'applied', result: { available: 20 } });
    expect(await restock(5)).toEqual({ status: 'applied', result: { available: 25 } });
    expect(await stored(client, cell)).toBe('25');
  });

  test('an award adds XP and tells the level that it reaches', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('player'));
    const award = (amount: number, levels?: number[]) =>
      applyOne({ operation: 'xp.award', params: { ...cell, amount, ...(levels && { levels }) } });

    expect(await award(50)).toEqual({ status: 'applied', result: { xp: 50 } });
    const levels = [100, 200, 1000];
    expect(await award(49, levels)).toEqual({ status: 'applied', result: { xp: 99, level: 0, leveledUp: false } });
    expect(await award(1, levels)).toEqual({ status: 'applied', result: { xp: 100, level: 1, leveledUp: true } });
    expect(await award(1, levels)).toEqual({ status: 'applied', result: { xp: 101, level: 1, leveledUp: false } });
    expect(await award(5000, levels)).toEqual({ status: 'applied', result: { xp: 5101, level: 3, leveledUp: true } });
    expect(await stored(client, cell)).toBe('5101');
  });

  test('the TTL of an existing key stays', async () => {
    const { apply, client, key } = setup();
    const cell = cellOf(kind, key('counter'));
    await store(client, cell, 1);
    await client.pexpire(cell.key, 5_000_000);

    await apply([
      { operation: 'counter.increment', params: { ...cell } },
      { operation: 'counter.increment', params: { ...cell } },
    ]);

    expect(await stored(client, cell)).toBe('3');
    expect(await client.pttl(cell.key)).toBeGreaterThan(4_900_000);
    expect(await client.pttl(cell.key)).toBeLessThanOrEqual(5_000_000);
  });

  test('a created key has no TTL unless the update sets one', async () => {
    const { applyOne, client, key } = setup();
    const cell = cellOf(kind, key('counter'));

    await applyOne({ operation: 'counter.increment', params: { ...cell } });

    expect(await client.pttl(cell.key)).toBe(-1);
  });
});

describe.each(['counter.increment', 'counter.decrement'])('ttlSeconds of %s', (operation) => {
  test('is set when the update creates the key, and kept afterwards', async () => {
    const { applyOne, client, key } = setup();
    const params = { key: key('daily') };

    await applyOne({ operation, params: { ...params, ttlSeconds: 3600 } });
    const createdMs = await client.pttl(params.key);
    await applyOne({ operation, params: { ...params, ttlSeconds: 10 } });
    await applyOne({ operation, params });

    expect(createdMs).toBeGreaterThan(3_500_000);
    expect(createdMs).toBeLessThanOrEqual(3_600_000);
    expect(await client.pttl(params.key)).toBeGreaterThan(3_500_000);
  });

  test('is not set on a key that was there without one', async () => {
    const { applyOne, client, key } = setup();
    const params = { key: key('forever') };
    await client.set(params.key, 5);

    await applyOne({ operation, params: { ...params, ttlSeconds: 3600 } });

    expect(await client.pttl(params.key)).toBe(-1);
  });

  test('counts only for the update that creates the key, within one job too', async () => {
    const { apply, client, key } = setup();
    const [first, second] = [{ key: key('first') }, { key: key('second') }];

    await apply([
      { operation, params: { ...first, ttlSeconds: 3600 } },
      { operation, params: { ...first, ttlSeconds: 10 } },
      { operation, params: second },
      { operation, params: { ...second, ttlSeconds: 3600 } },
    ]);

    expect(await client.pttl(first.key)).toBeGreaterThan(3_500_000);
    expect(await client.pttl(second.key)).toBe(-1);
  });
});

test('a job applies its updates in order, each seeing the ones before', async () => {
  const { apply, client, key } = setup();
  const params = { key: key('stock') };
  await client.set(params.key, 5);

  const outcomes = await apply(
    [4, 4, 1, 1].map((quantity) => ({
      operation: 'inventory.take',
      params: { ...params, quantity, whenShort: 'reject' },
    })),
  );

  expect(outcomes).toMatchObject([
    { status: 'applied', result: { available: 1, taken: 4 } },
    { status: 'rejected', reason: 'INSUFFICIENT_STOCK', short: [{ available: 1 }] },
    { status: 'applied', result: { available: 0, taken: 1 } },
    { status: 'rejected', reason: 'INSUFFICIENT_STOCK', short: [{ available: 0 }] },
  ]);
  expect(await client.get(params.key)).toBe('0');
});
