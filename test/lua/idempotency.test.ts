import { expect, test } from 'vitest';
import { updateId } from '../../src/jobs/job-id.js';
import { newJobId } from '../../src/layout/new-job-id.js';
import { createRegistry } from '../../src/operations/registry.js';
import { fingerprint } from '../../src/operations/update.js';
import { NO_SLOT, slotOf } from '../../src/redis/slots.js';
import { createApplier, DIGEST } from '../support/script.js';
import { place, until } from '../support/tally.js';
import { keyedIncrements } from './keyed-increments.js';
import { redisOfThisFile } from './redis-of-this-file.js';
import { takeSnapshot } from './snapshot.js';

const own = redisOfThisFile();

test('an update sent again with its idempotency key is a duplicate with the recorded outcome', async () => {
  const { client, key, applyOne, increment } = keyedIncrements();

  expect(await applyOne(increment({}))).toEqual({ status: 'applied', result: { value: 1, applied: 1 } });
  await client.set(key('n'), 50);
  for (const _again of [1, 2, 3]) {
    expect(await applyOne(increment({}))).toEqual({
      status: 'applied',
      result: { value: 1, applied: 1 },
      duplicate: true,
    });
  }

  expect(await client.get(key('n'))).toBe('50');
});

test('a duplicate is one also when it spells out a default or orders its params otherwise', async () => {
  const { client, key, applyOne } = keyedIncrements();
  const update = (params: object) => ({ operation: 'counter.increment', params, idempotencyKey: 'k' });
  await applyOne(update({ key: key('n'), max: 5 }));

  const outcomes = [await applyOne(update({ max: 5, by: 1, key: key('n') }))];

  expect(outcomes).toEqual([{ status: 'applied', result: { value: 1, applied: 1 }, duplicate: true }]);
  expect(await client.get(key('n'))).toBe('1');
});

test('an idempotency key used for another update is a conflict, and neither cells nor its receipt change', async () => {
  const { client, key, jobReceipt, applyOne, increment } = keyedIncrements(own.url);
  await applyOne(increment({}));
  const before = await takeSnapshot(client);
  const jobIds = [newJobId(NO_SLOT), newJobId(NO_SLOT)];

  const outcomes = [
    await applyOne(increment({ by: 2 }), { jobId: jobIds[0]! }),
    await applyOne(increment({ key: key('other') }), { jobId: jobIds[1]! }),
  ];

  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'conflict', reason: 'IDEMPOTENCY_CONFLICT' });
  }
  await client.del(jobIds.map(jobReceipt));
  expect((await takeSnapshot(client)).dumps).toEqual(before.dumps);
});

test('the same idempotency key of another operation, or of another owner, is another one', async () => {
  const here = place();
  const appliers = ['', 'a:b', 'a%3Ab', 'a'].map((idempotencyOwner) => createApplier(here, { idempotencyOwner }));
  const params = { key: here.key('n') };

  const outcomes = [];
  for (const { applyOne } of appliers) {
    outcomes.push(await applyOne({ operation: 'counter.increment', params, idempotencyKey: 'b:k' }));
    outcomes.push(await applyOne({ operation: 'counter.decrement', params, idempotencyKey: 'b:k' }));
  }

  expect(outcomes).toEqual(
    appliers.flatMap(() => [1, 0].map((value) => ({ status: 'applied', result: { value, applied: 1 } }))),
  );
});

test('a rejection is recorded: the same key gets it again when the update could apply by now', async () => {
  const { client, key, applyOne } = keyedIncrements();
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
  const { client, key, keyReceipt, apply, applyOne, increment } = keyedIncrements();
  await client.set(key('n'), 'abc');

  expect(await applyOne(increment({}))).toMatchObject({ status: 'failed' });
  expect(await apply([increment({}), increment({}, 'other')])).toMatchObject([
    { status: 'failed' },
    { status: 'failed' },
  ]);
  expect(await client.exists(keyReceipt('k'), keyReceipt('other'))).toBe(0);
  await client.set(key('n'), 5);

  expect(await applyOne(increment({}))).toEqual({ status: 'applied', result: { value: 6, applied: 1 } });
  expect(await applyOne(increment({}))).toEqual({
    status: 'applied',
    result: { value: 6, applied: 1 },
    duplicate: true,
  });
});

test('within one batch the first update with a key applies, the same again is a duplicate, another a conflict', async () => {
  const { client, key, apply, increment } = keyedIncrements();

  const outcomes = await apply([increment({}), increment({}), increment({ by: 2 }), increment({}), increment({}, 'l')]);

  expect(outcomes).toMatchObject([
    { status: 'applied', result: { value: 1, applied: 1 } },
    { status: 'applied', result: { value: 1, applied: 1 }, duplicate: true },
    { status: 'conflict' },
    { status: 'applied', result: { value: 1, applied: 1 }, duplicate: true },
    { status: 'applied', result: { value: 2, applied: 1 } },
  ]);
  expect(outcomes[0]).not.toHaveProperty('duplicate');
  expect(await client.get(key('n'))).toBe('2');
});

test('within one batch a key whose update failed is free for the next update', async () => {
  const { client, key, apply, increment } = keyedIncrements();
  await client.set(key('bad'), 'abc');

  const outcomes = await apply([increment({ key: key('bad') }), increment({}), increment({})]);

  expect(outcomes).toMatchObject([
    { status: 'failed' },
    { status: 'applied', result: { value: 1, applied: 1 } },
    { status: 'applied', result: { value: 1, applied: 1 }, duplicate: true },
  ]);
});

test('a transaction is a duplicate as a whole', async () => {
  const { client, key, applyOne, increment } = keyedIncrements();
  const { idempotencyKey: _key, ...inner } = increment({});
  const update = { operation: 'transaction', params: { updates: [inner, inner] }, idempotencyKey: 'k' };

  await applyOne(update);

  expect(await applyOne(update)).toEqual({
    status: 'applied',
    result: {
      results: [
        { value: 1, applied: 1 },
        { value: 2, applied: 1 },
      ],
    },
    duplicate: true,
  });
  expect(await client.get(key('n'))).toBe('2');
});

test('once its receipt is gone, the same key is a new update', async () => {
  const { client, keyReceipt, applyOne, increment } = keyedIncrements();
  await applyOne(increment({}));
  await client.pexpire(keyReceipt('k'), 20);
  await until('the receipt expired', async () => (await client.exists(keyReceipt('k'))) === 0);

  expect(await applyOne(increment({}))).toEqual({ status: 'applied', result: { value: 2, applied: 1 } });
});

test('an idempotency receipt holds its form, the slot, the fingerprint, the id of the first update and its outcome', async () => {
  const { client, key, keyReceipt, apply, increment } = keyedIncrements();
  const jobId = newJobId(NO_SLOT);
  const { operation, params } = increment({ by: 4 });

  await apply([increment({}, 'other'), increment({ by: 4 })], { jobId });

  const print = fingerprint(createRegistry().find(operation)!, params);
  expect(await client.get(keyReceipt('k'))).toBe(`tally/2 ${slotOf(key('n'))} ${print} ${updateId(jobId, 1)} 5`);
});

test('records are written in the form of the job', async () => {
  const { client, jobReceipt, keyReceipt, applyRaw, increment } = keyedIncrements();
  const jobId = newJobId(NO_SLOT);

  const record = await applyRaw([increment({})], { jobId, form: 1 });

  expect(record).toBe(`tally/1 ${DIGEST} 1`);
  expect(await client.get(jobReceipt(jobId))).toBe(record);
  expect(await client.get(keyReceipt('k'))).toMatch(/^tally\/1 /);
});

test('a key that a newer version recorded refuses the whole job, and nothing is written', async () => {
  const { client, key, keyReceipt, apply, increment } = keyedIncrements();
  await client.set(keyReceipt('k'), 'tally/3 something that this version does not know');

  await expect(apply([increment({}, 'other'), increment({})])).rejects.toThrow(/^NEWER_FORM /);

  expect(await client.exists(key('n'), keyReceipt('other'))).toBe(0);
});

test.each(['', 'abc', 'abc 0190b7b2-1111-7000-8000-000000000000.0 5', 'tally/2'])(
  'what is no receipt (%j) fails its update, beside others that apply',
  async (text) => {
    const { client, key, keyReceipt, apply, increment } = keyedIncrements();
    await client.set(keyReceipt('k'), text);

    const outcomes = await apply([increment({}), increment({}, 'other')]);

    expect(outcomes).toMatchObject([{ status: 'failed', reason: 'UNREADABLE_RECEIPT' }, { status: 'applied' }]);
    expect(await client.get(key('n'))).toBe('1');
    expect(await client.get(keyReceipt('k'))).toBe(text);
  },
);
