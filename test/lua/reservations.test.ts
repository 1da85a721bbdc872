import { describe, expect, test } from 'vitest';
import type { Update } from '../../src/operations/update.js';
import { HoldCell } from '../../src/redis/cell.js';
import type { Cell, HoldPart } from '../../src/redis/cell.js';
import { CELL_KINDS, cellOf, store, stored } from './cells.js';
import type { CellKind } from './cells.js';
import { allWithHistory } from './histories.js';
import { redisOfThisFile } from './redis-of-this-file.js';
import { setup } from './setup.js';
import { takeSnapshot } from './snapshot.js';

const MAX = Number.MAX_SAFE_INTEGER;
const redis = redisOfThisFile();

/** A stock of ten, and what is done to its reservation `r`. */
async function begin(kind: CellKind, { start = 10, url }: { start?: number; url?: string } = {}) {
  const all = setup(url, allWithHistory(5));
  const { client, keys, applyOne, key } = all;
  const cell = cellOf(kind, key('stock'));
  await store(client, cell, start);
  const update = (verb: string, params: object = {}): Update => ({
    operation: `inventory.${verb}`,
    params: { ...cell, reservation: 'r', ...params },
  });
  const expire = (...reservations: string[]): Update => ({
    operation: 'inventory.expire',
    params: { ...cell, reservations },
  });
  const at = (part: HoldPart, reservation = 'r') => keys.hold(new HoldCell(cell, part, reservation));
  return {
    ...all,
    cell,
    update,
    expire,
    at,
    reserve: (params: object = {}) => applyOne(update('reserve', { quantity: 4, ttlSeconds: 600, ...params })),
    extend: (ttlSeconds = 600) => applyOne(update('extend', { ttlSeconds })),
    confirm: (params?: object) => applyOne(update('confirm', params)),
    release: () => applyOne(update('release')),
    available: () => stored(client, cell),
    held: () => client.get(at('total').key),
    /** The time of a hold is over, though nobody has given it back. */
    lapse: async (reservation = 'r') => {
      const { key: ends, member = '' } = at('end', reservation);
      await client.zadd(ends, 'XX', Date.now() - 1_000, member);
    },
  };
}

const rejected = (reason: string, more: object = {}) => ({ status: 'rejected', reason, ...more });

describe.each(CELL_KINDS)('of a %s', (kind) => {
  test('stock is taken off and held, where other services can read it', async () => {
    const { client, key, keys, cell, reserve, available } = await begin(kind);
    const beforeMs = Date.now();

    const outcome = await reserve();

    expect(outcome).toMatchObject({ status: 'applied', result: { available: 6, held: 4 } });
    const { expiresAt } = (outcome as unknown as { result: { expiresAt: string } }).result;
    expect(Date.parse(expiresAt)).toBeGreaterThanOrEqual(beforeMs + 600_000 - 5_000);
    expect(Date.parse(expiresAt)).toBeLessThanOrEqual(Date.now() + 600_000 + 5_000);
    expect(await available()).toBe('6');
    const namespace = keys.partitionCounts.replace(/:partitions$/, '');
    const tag = /^\{.*?\}/.exec(key('stock'))![0];
    const names: Readonly<Record<CellKind, string>> = {
      string: `s${cell.key}`,
      'hash field': `h${cell.key.length}:${cell.key}points`,
      'sorted-set member': `z${cell.key.length}:${cell.key}points`,
    };
    const name = names[kind];
    expect(await client.get(`${namespace}:${tag}:held:${name}`)).toBe('4');
    expect(await client.hgetall(`${namespace}:${tag}:holds:${name}`)).toEqual({ r: '4' });
    expect(await client.zscore(`${namespace}:${tag}:hold-ends:${name}`, 'r')).toBe(String(Date.parse(expiresAt)));
  });

  test('what is held is neither taken nor reserved twice', async () => {
    const { applyOne, update, cell, reserve, available } = await begin(kind);
    await reserve({ quantity: 8 });

    expect(await reserve({ reservation: 'other', quantity: 3 })).toMatchObject(
      rejected('INSUFFICIENT_STOCK', { short: [{ ...cell, quantity: 3, available: 2 }] }),
    );
    const take = { operation: 'inventory.take', params: { ...cell, quantity: 3, whenShort: 'reject' } };
    expect(await applyOne(take)).toMatchObject(rejected('INSUFFICIENT_STOCK'));
    expect(await applyOne(update('reserve', { reservation: 'all', quantity: 2, ttlSeconds: 1 }))).toMatchObject({
      result: { available: 0 },
    });
    expect(await available()).toBe('0');
  });

  test('a minimum is left, or a debt allowed', async () => {
    const { reserve, available } = await begin(kind);

    expect(await reserve({ quantity: 6, min: 5 })).toMatchObject({
      ...rejected('INSUFFICIENT_STOCK'),
      message: expect.stringMatching(/has 10 in stock, 6 wanted, and 5 must be left/) as string,
    });
    expect(await reserve({ quantity: 5, min: 5 })).toMatchObject({ status: 'applied' });
    expect(await reserve({ reservation: 'later', quantity: 9, min: -4 })).toMatchObject({ result: { available: -4 } });
    expect(await available()).toBe('-4');
  });

  test('a name that is held is refused with what it holds, or changed with replace', async () => {
    const { reserve, available, held } = await begin(kind);
    await reserve();

    expect(await reserve({ quantity: 1 })).toMatchObject({
      ...rejected('RESERVATION_EXISTS', { held: 4 }),
      expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
    });
    expect(await reserve({ quantity: 11, replace: true })).toMatchObject(rejected('INSUFFICIENT_STOCK'));
    expect(await reserve({ quantity: 10, replace: true })).toMatchObject({ result: { available: 0, held: 10 } });
    expect(await reserve({ quantity: 1, replace: true })).toMatchObject({ result: { available: 9, held: 1 } });
    expect([await available(), await held()]).toEqual(['9', '1']);
  });

  test('what is confirmed is sold, and of a part the rest goes back', async () => {
    const { reserve, confirm, release, extend, available, held } = await begin(kind);
    await reserve();

    expect(await confirm({ quantity: 5 })).toMatchObject({
      ...rejected('INSUFFICIENT_STOCK', { short: [expect.objectContaining({ quantity: 5, available: 4 })] }),
    });
    expect(await confirm({ quantity: 3 })).toEqual({ status: 'applied', result: { confirmed: 3, available: 7 } });
    for (const again of [confirm, release, extend]) {
      expect(await again()).toMatchObject(rejected('ALREADY_CONFIRMED'));
    }
    await reserve();
    expect(await confirm()).toEqual({ status: 'applied', result: { confirmed: 4, available: 3 } });
    expect([await available(), await held()]).toEqual(['3', null]);
  });

  test('what is released goes back', async () => {
    const { reserve, confirm, release, extend, available, held } = await begin(kind);
    await reserve();

    expect(await release()).toEqual({ status: 'applied', result: { released: 4, available: 10 } });
    for (const again of [confirm, release, extend]) {
      expect(await again()).toMatchObject(rejected('ALREADY_RELEASED'));
    }
    expect([await available(), await held()]).toEqual(['10', null]);
  });

  test('of what was never held nobody knows', async () => {
    const { confirm, release, extend } = await begin(kind);

    for (const attempt of [confirm, release, extend]) {
      expect(await attempt()).toMatchObject(rejected('UNKNOWN_RESERVATION'));
    }
  });

  test('what is over counts as released before and after it is given back, which happens once', async () => {
    const { reserve, lapse, confirm, release, extend, applyOne, expire, available, held } = await begin(kind);
    await reserve();
    await lapse();

    for (const late of [confirm, release, extend]) {
      expect(await late()).toMatchObject(rejected('EXPIRED'));
    }
    expect([await available(), await held()]).toEqual(['6', '4']);
    expect(await applyOne(expire('r'))).toEqual({ status: 'applied', result: { released: 4, available: 10 } });
    expect(await applyOne(expire('r'))).toEqual({ status: 'applied', result: { released: 0, available: 10 } });
    for (const late of [confirm, release, extend]) {
      expect(await late()).toMatchObject(rejected('EXPIRED'));
    }
    expect([await available(), await held()]).toEqual(['10', null]);
  });

  test('what was extended is not given back at the end that it had', async () => {
    const { reserve, lapse, extend, applyOne, expire, available } = await begin(kind);
    await reserve({ ttlSeconds: 1 });
    await reserve({ reservation: 'other', quantity: 2 });
    expect(await extend()).toMatchObject({ status: 'applied', result: { held: 4 } });
    await lapse('other');

    expect(await applyOne(expire('r', 'other', 'nobody'))).toMatchObject({ result: { released: 2, available: 6 } });

    expect(await available()).toBe('6');
  });

  test('the next hold of a name takes over what the last one left', async () => {
    const { reserve, lapse, confirm, available, held } = await begin(kind);
    await reserve({ quantity: 10 });
    await lapse();

    expect(await reserve({ quantity: 9 })).toMatchObject({ result: { available: 1, held: 9 } });
    expect([await available(), await held()]).toEqual(['1', '9']);
    expect(await confirm()).toMatchObject({ status: 'applied' });
    expect(await reserve({ quantity: 1 })).toMatchObject({ status: 'applied' });
    expect(await confirm()).toMatchObject({ status: 'applied', result: { confirmed: 1, available: 0 } });
  });

  test('how a hold ended is kept for a day, in a key of its own, and nothing else', async () => {
    const { client, cell, at, reserve, release } = await begin(kind);
    await client.del(cell.key);
    await reserve({ min: -4 });
    await release();

    const { key: closing } = at('closing');
    expect(await client.get(closing)).toBe('2');
    expect(await client.ttl(closing)).toBeGreaterThan(86_000);
    expect(await client.ttl(closing)).toBeLessThanOrEqual(86_400);
    expect(await client.ttl(cell.key)).toBe(-1);
    const parts = ['total', 'quantity', 'end'] as const;
    expect(await Promise.all(parts.map((part) => client.exists(at(part).key)))).toEqual([0, 0, 0]);
  });

  test('who counts the shelf leaves what is held, who counts what can be sold does not look at it', async () => {
    const { cell, applyOne, reserve, available } = await begin(kind);
    const count = (params: object) => applyOne({ operation: 'inventory.count', params: { ...cell, ...params } });
    await reserve();

    expect(await count({ counted: 9, of: 'onHand' })).toEqual({
      status: 'applied',
      result: { available: 5, held: 4, difference: -1 },
    });
    expect(await count({ counted: 3, of: 'onHand' })).toMatchObject(rejected('BELOW_HELD', { held: 4 }));
    expect(await count({ counted: 3, of: 'available' })).toMatchObject({ result: { available: 3, held: 4 } });
    expect(await available()).toBe('3');
  });

  test('a cart reserves all or nothing', async () => {
    const { client, cell, update, applyOne, available, held, key } = await begin(kind);
    await client.set(key('other'), 1);
    const hold = { quantity: 4, ttlSeconds: 600 };
    const cart = (quantity: number): Update => ({
      operation: 'transaction',
      params: {
        updates: [
          update('reserve', hold),
          update('extend', { ttlSeconds: 700 }),
          { operation: 'inventory.reserve', params: { ...hold, key: key('other'), reservation: 'r', quantity } },
          { operation: 'xp.award', params: { key: key('xp'), amount: 5 } },
        ],
      },
    });

    expect(await applyOne(cart(2))).toMatchObject(
      rejected('INSUFFICIENT_STOCK', { update: 2, short: [{ key: key('other'), quantity: 2, available: 1 }] }),
    );
    expect([await available(), await held(), await client.get(key('xp'))]).toEqual(['10', null, null]);
    expect(await applyOne(cart(1))).toMatchObject({
      status: 'applied',
      result: { results: [{ available: 6 }, { held: 4 }, { available: 0, held: 1 }, { xp: 5 }] },
    });
    expect(
      await applyOne({ operation: 'transaction', params: { updates: [update('confirm'), update('confirm')] } }),
    ).toMatchObject(rejected('ALREADY_CONFIRMED', { update: 1 }));
    expect([await available(), await held()]).toEqual(['6', '4']);
    expect(cell.key).toBe(key('stock'));
  });

  test('updates of a batch see the holds of those before them', async () => {
    const { apply, update, available, held } = await begin(kind);
    const reserve = (reservation: string, quantity: number) =>
      update('reserve', { reservation, quantity, ttlSeconds: 600 });

    const outcomes = await apply([reserve('a', 6), reserve('b', 6), reserve('c', 4), reserve('a', 1)]);

    expect(outcomes).toMatchObject([
      { result: { available: 4 } },
      rejected('INSUFFICIENT_STOCK'),
      { result: { available: 0 } },
      rejected('RESERVATION_EXISTS', { held: 6 }),
    ]);
    expect([await available(), await held()]).toEqual(['0', '10']);
  });

  test('a job that runs again holds nothing twice', async () => {
    const { applyOne, update, available, held } = await begin(kind);
    const reserve = update('reserve', { quantity: 4, ttlSeconds: 600 });

    const first = await applyOne(reserve, { jobId: 'one' });

    expect(await applyOne(reserve, { jobId: 'one' })).toEqual(first);
    expect([await available(), await held()]).toEqual(['6', '4']);
  });

  test('is exact up to 2^53 - 1, and beyond fails and writes nothing', async () => {
    const { client, cell, reserve, release, available, held, confirm } = await begin(kind, {
      start: MAX,
      url: redis.url,
    });
    expect(await reserve({ quantity: MAX })).toMatchObject({ result: { available: 0, held: MAX } });
    await store(client, cell, 3);
    const before = await takeSnapshot(client);

    expect(await release()).toMatchObject({ status: 'failed', reason: 'OUT_OF_RANGE' });
    expect(await confirm({ quantity: MAX - 2 ** 50 })).toMatchObject({ status: 'applied' });
    expect([await available(), await held()]).toEqual([String(2 ** 50 + 3), null]);
    expect(before.dumps).not.toEqual({});
  });

  const STEPS = {
    reserve: { quantity: 4, ttlSeconds: 600, replace: true },
    extend: { ttlSeconds: 700 },
    confirm: {},
    release: {},
  };
  const PARTS = ['total', 'quantity', 'end', 'closing'] as const;

  test.each(['WRONG_TYPE', 'NOT_AN_INTEGER'])('writes nothing when something of a hold is %s', async (reason) => {
    for (const part of PARTS) {
      const all = await begin(kind, { url: redis.url });
      const { client, at, update, expire, applyOne, reserve, lapse } = all;
      await reserve();
      await spoil(client, at(part), reason);
      if (part !== 'end') {
        await lapse();
      }
      const before = await takeSnapshot(client);

      for (const each of [...Object.entries(STEPS).map(([verb, params]) => update(verb, params)), expire('r')]) {
        expect(await applyOne(each), `${each.operation}, ${part}`).toMatchObject({
          status: 'failed',
          reason,
          message: expect.stringContaining('of "') as string,
        });
      }
      expect(await takeSnapshot(client)).toEqual(before);
    }
  });

  test('keeps a history of the stock alone', async () => {
    const { client, keys, reserve, confirm } = await begin(kind);
    await reserve();
    await confirm({ quantity: 1 });

    const namespace = keys.partitionCounts.replace(/:partitions$/, '');
    const histories = await client.keys(`${namespace}:history:*`);
    expect(histories).toHaveLength(1);
    const entries = await client.lrange(histories[0]!, 0, -1);
    expect(entries.map((entry) => entry.split(' ').slice(2).join(' '))).toEqual([
      'inventory.confirm 6 9',
      'inventory.reserve 10 6',
    ]);
  });
});

async function spoil(client: Awaited<ReturnType<typeof begin>>['client'], cell: Cell, how: string): Promise<void> {
  if (how === 'WRONG_TYPE') {
    await client.del(cell.key);
    await client.rpush(cell.key, 'x');
  } else {
    await store(client, cell, '1.5');
  }
}
