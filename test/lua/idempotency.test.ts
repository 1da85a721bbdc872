import { expect, test } from 'vitest';
import { newJobId, updateId } from '../../src/jobs/job-id.js';
import { fingerprint } from '../../src/operations/update.js';
import { until } from '../support/tally.js';
import { redisOfThisFile } from './redis-of-this-file.js';
import { setup } from './setup.js';
import { takeSnapshot } from './snapshot.js';

const own = redisOfThisFile();

const begin = (url?: string) => {
  const all = setup(url);
  const increment = (params: object, idempotencyKey = 'k') => ({
    operation: 'counter.increment',
    params: { key: all.key('n'), ...params },
    idempotencyKey,
  });
  return { ...all, increment };
};

test('an update sent again with its idempotency key is a duplicate with the recorded outcome', async () => {
  const { client, key, applyOne, increment } = begin();

  expect(await applyOne(increment({}))).toEqual({ status: 'applied', result: { value: 1 } });
  await client.set(key('n'), 50);
  for (const _again of [1, 2, 3]) {
    expect(await applyOne(increment({}))).toEqual({ status: 'applied', result: { value: 1 }, duplicate: true });
  }

  expect(await client.get(key('n'))).toBe('50');
});

test('a duplicate is one also when it spells out a default or orders its params otherwise', async () => {
  const { client, key, applyOne } = begin();
  const update = (params: object) => ({ operation: 'counter.increment', params, idempotencyKey: 'k' });
  await applyOne(update({ key: key('n'), max: 5 }));

  const outcomes = [await applyOne(update({ max: 5, by: 1, key: key('n') }))];

  expect(outcomes).toEqual([{ status: 'applied', result: { value: 1 }, duplicate: true }]);
  expect(await client.get(key('n'))).toBe('1');
});

test('an idempotency key used for another update is a conflict, and neither cells nor its receipt change', async () => {
  const { client, key, keys, applyOne, increment } = begin(own.url);
  await applyOne(increment({}));
  const before = await takeSnapshot(client);
  const jobIds = [newJobId(), newJobId(), newJobId()];

  const outcomes = [
    await applyOne(increment({ by: 2 }), { jobId: jobIds[0]! }),
    await applyOne(increment({ key: key('other') }), { jobId: jobIds[1]! }),
    await applyOne({ ...increment({}), operation: 'counter.decrement' }, { jobId: jobIds[2]! }),
  ];

  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'conflict', reason: 'IDEMPOTENCY_CONFLICT' });
  }
  await client.del(jobIds.map((jobId) => keys.jobReceipt(jobId)));
  expect((await takeSnapshot(client)).dumps).toEqual(before.dumps);
});

test('a rejection is recorded: the same key gets it again when the update could apply by now', async () => {
  const { client, key, applyOne } = begin();
  const update = {
    operation: 'inventory.take',
    params: { key: key('stock'), quantity: 5, whenShort: 'reject' },
    idempotencyKey: 'k',
  };
  const first = await applyOne(update);
  await client.set(key('stock'), 100);

  expect(first).toMatchObject({ status: 'rejected', reason: 'INSUFFICIENT_STOCK' });
  expect(await applyOne(update)).toEqual({ ...first, duplicate: true });
  expect(await client.get(key('stock'))).toBe('100');
});

test('a failure is not recorded: the same key applies once its cause is gone', async () => {
  const { client, key, keys, apply, applyOne, increment } = begin();
  await client.set(key('n'), 'abc');

  expect(await applyOne(increment({}))).toMatchObject({ status: 'failed' });
  expect(await apply([increment({}), increment({}, 'other')])).toMatchObject([
    { status: 'failed' },
    { status: 'failed' },
  ]);
  expect(await client.exists(keys.idempotencyReceipt('k'), keys.idempotencyReceipt('other'))).toBe(0);
  await client.set(key('n'), 5);

  expect(await applyOne(increment({}))).toEqual({ status: 'applied', result: { value: 6 } });
  expect(await applyOne(increment({}))).toEqual({ status: 'applied', result: { value: 6 }, duplicate: true });
});

test('within one batch the first update with a key applies, the same again is a duplicate, another a conflict', async () => {
  const { client, key, apply, increment } = begin();

  const outcomes = await apply([increment({}), increment({}), increment({ by: 2 }), increment({}), increment({}, 'l')]);

  expect(outcomes).toMatchObject([
    { status: 'applied', result: { value: 1 } },
    { status: 'applied', result: { value: 1 }, duplicate: true },
    { status: 'conflict' },
    { status: 'applied', result: { value: 1 }, duplicate: true },
    { status: 'applied', result: { value: 2 } },
  ]);
  expect(outcomes[0]).not.toHaveProperty('duplicate');
  expect(await client.get(key('n'))).toBe('2');
});

test('within one batch a key whose update failed is free for the next update', async () => {
  const { client, key, apply, increment } = begin();
  await client.set(key('bad'), 'abc');

  const outcomes = await apply([increment({ key: key('bad') }), increment({}), increment({})]);

  expect(outcomes).toMatchObject([
    { status: 'failed' },
    { status: 'applied', result: { value: 1 } },
    { status: 'applied', result: { value: 1 }, duplicate: true },
  ]);
});

test('a transaction is a duplicate as a whole', async () => {
  const { client, key, applyOne, increment } = begin();
  const { idempotencyKey: _key, ...inner } = increment({});
  const update = { operation: 'transaction', params: { updates: [inner, inner] }, idempotencyKey: 'k' };

  await applyOne(update);

  expect(await applyOne(update)).toEqual({
    status: 'applied',
    result: { results: [{ value: 1 }, { value: 2 }] },
    duplicate: true,
  });
  expect(await client.get(key('n'))).toBe('2');
});

test('an idempotency receipt lives for the window, and a duplicate does not prolong it', async () => {
  const { client, keys, applyOne, increment } = begin();
  await applyOne(increment({}), { idempotencyWindowMs: 100_000 });
  const lifeMs = await client.pttl(keys.idempotencyReceipt('k'));
  expect(lifeMs).toBeGreaterThan(90_000);
  expect(lifeMs).toBeLessThanOrEqual(100_000);

  await applyOne(increment({}), { idempotencyWindowMs: 500_000 });

  expect(await client.pttl(keys.idempotencyReceipt('k'))).toBeLessThanOrEqual(100_000);
});

test('after the window the same key is a new update', async () => {
  const { client, keys, applyOne, increment } = begin();
  await applyOne(increment({}), { idempotencyWindowMs: 30 });
  await until('the receipt expired', async () => (await client.exists(keys.idempotencyReceipt('k'))) === 0);

  expect(await applyOne(increment({}))).toEqual({ status: 'applied', result: { value: 2 } });
});

test('an idempotency receipt holds the fingerprint, the id of the first update and its outcome', async () => {
  const { client, keys, apply, increment } = begin();
  const jobId = newJobId();
  const { operation, params } = increment({ by: 4 });

  await apply([increment({}, 'other'), increment({ by: 4 })], { jobId });

  const print = fingerprint(operation, params);
  expect(await client.get(keys.idempotencyReceipt('k'))).toBe(`${print} ${updateId(jobId, 1)} 5`);
});
