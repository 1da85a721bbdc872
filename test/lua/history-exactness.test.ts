import { describe, expect, test } from 'vitest';
import { newJobId } from '../../src/layout/new-job-id.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { CELL_KINDS, cellOf, stored } from './cells.js';
import { increment, setupWithHistory } from './histories.js';
import { redisOfThisFile } from './redis-of-this-file.js';
import { takeSnapshot } from './snapshot.js';

const own = redisOfThisFile();

describe('no history is added', () => {
  test('by a job that its receipt answers', async () => {
    const { key, apply, changesOf } = setupWithHistory();
    const updates = [increment({ key: key('n') }), increment({ key: key('n') }, 5)];
    const jobId = newJobId(NO_SLOT);
    await apply(updates, { jobId });
    const changes = await changesOf({ key: key('n') });

    await apply(updates, { jobId });
    await apply(updates, { jobId, leaseMs: 1 });

    expect(changes).toHaveLength(1);
    expect(await changesOf({ key: key('n') })).toEqual(changes);
  });

  test('by duplicates and conflicts of an idempotency key, in the same job or a later one', async () => {
    const { key, apply, applyOne, changesOf } = setupWithHistory();
    const cell = { key: key('n') };
    const keyed = (by: number) => ({ ...increment(cell, by), idempotencyKey: key('k') });

    await apply([keyed(3), keyed(3), keyed(4)]);
    await applyOne(keyed(3));
    await applyOne(keyed(4));

    expect(await changesOf(cell)).toMatchObject([{ before: 0, after: 3 }]);
  });

  test('by rejected and failed updates, while others of their batch leave theirs', async () => {
    const { client, key, apply, changesOf } = setupWithHistory();
    const [good, bad, full] = ['good', 'bad', 'full'].map((name) => ({ key: key(name) }));
    await client.mset(key('bad'), 'abc', key('full'), 9);

    await apply([
      increment(bad!),
      increment(good!, 2),
      { operation: 'counter.increment', params: { ...full, max: 9 } },
    ]);

    expect(await changesOf(good!)).toMatchObject([{ before: 0, after: 2 }]);
    expect([await changesOf(bad!), await changesOf(full!)]).toEqual([[], []]);
  });

  test('by the steps of a transaction that is taken back, while the next one of its batch leaves its own', async () => {
    const { client, key, apply, changesOf } = setupWithHistory();
    const [stock, sales] = [{ key: key('stock') }, { key: key('sales') }];
    await client.set(key('stock'), 1);
    const sell = (quantity: number) => ({
      operation: 'transaction',
      params: {
        updates: [
          increment(sales),
          { operation: 'inventory.take', params: { ...stock, quantity, whenShort: 'reject' } },
        ],
      },
    });

    await apply([sell(5)]);
    expect([await changesOf(sales), await changesOf(stock)]).toEqual([[], []]);
    await apply([sell(5), sell(1), sell(1)]);

    expect(await changesOf(sales)).toMatchObject([{ operation: 'transaction', before: 0, after: 1 }]);
    expect(await changesOf(stock)).toMatchObject([{ operation: 'transaction', before: 1, after: 0 }]);
  });

  test('when the lease is over', async () => {
    const { key, applyOne, historyKeys } = setupWithHistory();

    await expect(applyOne(increment({ key: key('n') }), { leaseMs: 1 })).rejects.toThrow(/^LEASE_EXPIRED/);

    expect(await historyKeys()).toEqual([]);
  });

  test('by operations that keep none, which is what they do unless told otherwise', async () => {
    const { key, applyOne, apply, historyKeys } = setupWithHistory({ operations: [] });
    const entries = CELL_KINDS.map((kind) => ({ ...cellOf(kind, key(kind)), by: 1 }));

    await applyOne({ operation: 'scores.add', params: { entries } });
    await apply([increment({ key: key('n') }), increment({ key: key('n') })]);

    expect(await historyKeys()).toEqual([]);
  });
});

describe('a history never keeps a job from being applied', () => {
  test.each(CELL_KINDS)('when something else lies in its place (%s)', async (kind) => {
    const { client, key, keys, applyOne, changesOf } = setupWithHistory();
    const cell = cellOf(kind, key('n'));
    await client.set(keys.history(cell, NO_SLOT), 'put here by hand');
    expect(await changesOf(cell)).toEqual([]);

    expect(await applyOne(increment(cell, 4))).toEqual({ status: 'applied', result: { value: 4, applied: 4 } });

    expect(await stored(client, cell)).toBe('4');
    expect(await changesOf(cell)).toMatchObject([{ before: 0, after: 4 }]);
  });

  test('when the Redis user may not run its commands', async () => {
    const { client, key, keys, applyOne } = setupWithHistory({ url: own.url });
    await applyOne(increment({ key: key('n') })); // loads the script
    const user = key('user');
    await client.acl('SETUSER', user, 'on', 'nopass', '~*', '+@all', '-lpush', '-ltrim', '-expire', '-del');
    await client.del(keys.history({ key: key('n') }, NO_SLOT));
    await client.auth(user, 'any');

    const outcome = await applyOne(increment({ key: key('n') }));

    await client.auth('default', '');
    await client.acl('DELUSER', user);
    expect(outcome).toEqual({ status: 'applied', result: { value: 2, applied: 1 } });
    expect(await client.get(key('n'))).toBe('2');
    expect(await client.exists(keys.history({ key: key('n') }, NO_SLOT))).toBe(0);
  });
});

test('a job that is applied once more changes nothing, histories included', async () => {
  const { client, key, apply } = setupWithHistory({ url: own.url });
  const updates = CELL_KINDS.map((kind) => increment(cellOf(kind, key(kind)), 2));
  const jobId = newJobId(NO_SLOT);
  await apply(updates, { jobId });
  const before = await takeSnapshot(client);

  await apply(updates, { jobId });

  expect((await takeSnapshot(client)).dumps).toEqual(before.dumps);
});
