import { describe, expect, test } from 'vitest';
import { CELL_KINDS, cellOf, store, stored } from './cells.js';
import { setup } from './setup.js';

describe.each(CELL_KINDS)('a cart of %s cells', (kind) => {
  test('takes every item, each its own quantity', async () => {
    const { applyOne, client, key } = setup();
    const [apple, pear] = [cellOf(kind, key('apple')), cellOf(kind, key('pear'))];
    await store(client, apple, 10);
    await store(client, pear, 200);

    const outcome = await applyOne({
      operation: 'inventory.takeAll',
      params: {
        items: [
          { ...apple, quantity: 3 },
          { ...pear, quantity: 50 },
        ],
      },
    });

    expect(outcome).toEqual({
      status: 'applied',
      result: {
        items: [
          { ...apple, available: 7 },
          { ...pear, available: 150 },
        ],
      },
    });
    expect([await stored(client, apple), await stored(client, pear)]).toEqual(['7', '150']);
  });

  test('takes nothing when items are short, and names exactly those', async () => {
    const { applyOne, client, key } = setup();
    const [plenty, short, missing] = ['plenty', 'short', 'missing'].map((name) => cellOf(kind, key(name)));
    await store(client, plenty!, 10);
    await store(client, short!, 2);

    const outcome = await applyOne({
      operation: 'inventory.takeAll',
      params: {
        items: [
          { ...short, quantity: 3 },
          { ...plenty, quantity: 10 },
          { ...missing, quantity: 1 },
        ],
      },
    });

    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: 'INSUFFICIENT_STOCK',
      short: [
        { ...short, quantity: 3, available: 2 },
        { ...missing, quantity: 1, available: 0 },
      ],
    });
    expect(outcome).toHaveProperty('short.length', 2);
    expect(await stored(client, plenty!)).toBe('10');
    expect(await stored(client, short!)).toBe('2');
    expect(await client.exists(missing!.key)).toBe(0);
  });
});

test('a short item is named rightly when what is available looks like the number of an item', async () => {
  const { applyOne, client, key } = setup();
  await client.mset(key('a'), 3, key('b'), 100, key('c'), 2);

  const outcome = await applyOne({
    operation: 'inventory.takeAll',
    params: { items: ['a', 'b', 'c'].map((name) => ({ key: key(name), quantity: 5 })) },
  });

  expect(outcome).toMatchObject({
    short: [
      { key: key('a'), available: 3 },
      { key: key('c'), available: 2 },
    ],
  });
});

test('a cart may hold two fields of one hash', async () => {
  const { applyOne, client, key } = setup();
  await client.hset(key('shop'), { apple: 5, pear: 6, plum: 7 });

  const outcome = await applyOne({
    operation: 'inventory.takeAll',
    params: {
      items: [
        { key: key('shop'), field: 'pear', quantity: 1 },
        { key: key('shop'), field: 'apple', quantity: 5 },
      ],
    },
  });

  expect(outcome).toMatchObject({ status: 'applied' });
  expect(await client.hgetall(key('shop'))).toEqual({ apple: '0', pear: '5', plum: '7' });
});

describe.each(CELL_KINDS)('scores in %s cells', (kind) => {
  test('change together, each by its own amount', async () => {
    const { applyOne, client, key } = setup();
    const [ann, bob] = [cellOf(kind, key('game'), 'ann'), cellOf(kind, key('game2'), 'bob')];
    await store(client, ann, 100);
    await store(client, bob, 20);

    const outcome = await applyOne({
      operation: 'scores.add',
      params: {
        entries: [
          { ...ann, by: -30 },
          { ...bob, by: 5 },
        ],
      },
    });

    expect(outcome).toEqual({
      status: 'applied',
      result: {
        scores: [
          { ...ann, value: 70 },
          { ...bob, value: 25 },
        ],
      },
    });
    expect([await stored(client, ann), await stored(client, bob)]).toEqual(['70', '25']);
  });

  test('start at 0 where missing, and a missing one resets no other', async () => {
    const { applyOne, client, key } = setup();
    const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((name) => cellOf(kind, key(name), name));
    await store(client, bob!, 1000);

    const outcome = await applyOne({
      operation: 'scores.add',
      params: {
        entries: [
          { ...ann, by: 10 },
          { ...bob, by: 1 },
          { ...cid, by: -7 },
        ],
      },
    });

    expect(outcome).toMatchObject({ result: { scores: [{ value: 10 }, { value: 1001 }, { value: -7 }] } });
    expect(await stored(client, ann!)).toBe('10');
    expect(await stored(client, bob!)).toBe('1001');
    expect(await stored(client, cid!)).toBe('-7');
  });
});

test('scores drive a leaderboard that keeps its other members', async () => {
  const { applyOne, client, key } = setup();
  await client.zadd(key('board'), 50, 'ann', 60, 'bob', 55, 'eve');

  await applyOne({
    operation: 'scores.add',
    params: {
      entries: [
        { key: key('board'), member: 'ann', by: 20 },
        { key: key('board'), member: 'new', by: 58 },
      ],
    },
  });

  expect(await client.zrevrange(key('board'), 0, -1, 'WITHSCORES')).toEqual([
    ...['ann', '70'],
    ...['bob', '60'],
    ...['new', '58'],
    ...['eve', '55'],
  ]);
});

test('one update may change cells of all three kinds', async () => {
  const { applyOne, client, key } = setup();
  const cells = CELL_KINDS.map((kind, index) => ({ ...cellOf(kind, key(kind)), by: index + 1 }));

  const outcome = await applyOne({ operation: 'scores.add', params: { entries: [...cells].reverse() } });

  expect(outcome).toMatchObject({ result: { scores: [{ value: 3 }, { value: 2 }, { value: 1 }] } });
  expect(await Promise.all(cells.map((cell) => stored(client, cell)))).toEqual(['1', '2', '3']);
});
