import { describe, expect, test } from 'vitest';
import { newJobId } from '../../src/layout/new-job-id.js';
import { toMs } from '../../src/redis/server-time.js';
import type { RedisClient } from '../../src/redis/connection.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { keyedIncrements } from './keyed-increments.js';

const MARGIN_MS = 600_000;

/** When a receipt expires, in ms from now. */
async function expectLife(client: RedisClient, receipt: string, lifeMs: number): Promise<void> {
  const leftMs = await client.pttl(receipt);
  expect(leftMs).toBeGreaterThan(lifeMs - 10_000);
  expect(leftMs).toBeLessThanOrEqual(lifeMs);
}

test('the receipt of a key lives for the window and ten minutes, and a duplicate does not prolong it', async () => {
  const { client, keyReceipt, applyOne, increment } = keyedIncrements();
  await applyOne(increment({}), { idempotencyWindowMs: 100_000 });
  await expectLife(client, keyReceipt('k'), 100_000 + MARGIN_MS);

  await applyOne(increment({}), { idempotencyWindowMs: 500_000 });

  await expectLife(client, keyReceipt('k'), 100_000 + MARGIN_MS);
});

test.each([
  { what: 'announced', announcedMs: 700_000, leastWindowMs: 1 },
  { what: 'that the worker was told', announcedMs: 60_000, leastWindowMs: 700_000 },
])('it lives for the largest window $what', async ({ announcedMs, leastWindowMs }) => {
  const { client, keys, keyReceipt, applyOne, increment } = keyedIncrements();
  await client.zadd(keys.announced(NO_SLOT), announcedMs, 'window-ms');

  await applyOne(increment({}), { idempotencyWindowMs: 100_000, leastWindowMs });

  await expectLife(client, keyReceipt('k'), 700_000 + MARGIN_MS);
});

test('its life begins at the latest time announced when the clock of Redis was set back', async () => {
  const { client, keys, keyReceipt, applyOne, increment } = keyedIncrements();
  const aheadMs = 3_600_000;
  const sentAtMs = toMs(await client.time()) + aheadMs;
  await client.zadd(keys.announced(NO_SLOT), sentAtMs, 'clock-ms');

  await applyOne(increment({}), { sentAtMs, idempotencyWindowMs: 100_000 });

  await expectLife(client, keyReceipt('k'), aheadMs + 100_000 + MARGIN_MS);
});

test.each(['9e18', '1e300', '+inf', '1000000000.5'])(
  'an announced window of %s keeps nothing from being written',
  async (window) => {
    const { client, key, keys, keyReceipt, applyOne, increment } = keyedIncrements();
    await client.zadd(keys.announced(NO_SLOT), window, 'window-ms');

    expect(await applyOne(increment({}))).toMatchObject({ status: 'applied' });

    expect(await client.get(key('n'))).toBe('1');
    expect(await client.pttl(keyReceipt('k'))).toBeGreaterThan(0);
  },
);

describe('the age of a keyed update', () => {
  test('within its window does not matter, and past it nobody can tell, so that it is not applied', async () => {
    const { client, key, keyReceipt, applyOne, increment } = keyedIncrements();
    const nowMs = toMs(await client.time());

    const inTime = await applyOne(increment({}), { sentAtMs: nowMs - 50_000, idempotencyWindowMs: 100_000 });
    const late = { sentAtMs: nowMs - 100_001, idempotencyWindowMs: 100_000 };
    const jobId = newJobId(NO_SLOT);
    const tooLate = await applyOne(increment({}, 'late'), { ...late, jobId });

    expect(inTime).toMatchObject({ status: 'applied' });
    expect(tooLate).toMatchObject({ status: 'unknown', reason: 'TOO_OLD' });
    expect(await client.get(key('n'))).toBe('1');
    expect(await client.exists(keyReceipt('late'))).toBe(0);
    // Nothing is recorded: `tally readmit` may give it a new stamp, and then it applies.
    expect(await applyOne(increment({}, 'late'), { jobId })).toMatchObject({ status: 'applied' });
  });

  test('does not keep a duplicate from being one, while the receipt is there', async () => {
    const { applyOne, increment } = keyedIncrements();
    await applyOne(increment({}));

    const again = await applyOne(increment({}), { sentAtMs: Date.now() - 3_600_000, idempotencyWindowMs: 1_000 });

    expect(again).toEqual({ status: 'applied', result: { value: 1, applied: 1 }, duplicate: true });
  });

  test('is that by the latest time announced when the clock of Redis was set back', async () => {
    const { client, key, keys, applyOne, increment } = keyedIncrements();
    const sentAtMs = toMs(await client.time());
    await client.zadd(keys.announced(NO_SLOT), sentAtMs + 100_001, 'clock-ms');

    const outcome = await applyOne(increment({}), { sentAtMs, idempotencyWindowMs: 100_000 });

    expect(outcome).toMatchObject({ status: 'unknown', reason: 'TOO_OLD' });
    expect(await client.exists(key('n'))).toBe(0);
  });

  test('may not pass the largest window announced, whatever the job says', async () => {
    const { client, key, keys, applyOne, increment } = keyedIncrements();
    await client.zadd(keys.announced(NO_SLOT), 1_000, 'window-ms');
    const sentAtMs = toMs(await client.time()) - 2_000;

    const outcome = await applyOne(increment({}), { sentAtMs, idempotencyWindowMs: 100_000 });

    expect(outcome).toMatchObject({ status: 'unknown', reason: 'TOO_OLD' });
    expect(await client.exists(key('n'))).toBe(0);
  });

  test.each([
    { what: 'it does not say when it was sent', attempt: { sentAtMs: null } },
    { what: 'it does not say for how long it may be applied', attempt: { idempotencyWindowMs: null } },
    { what: 'it says a time that is yet to come', attempt: { sentAtMs: Date.now() + 3_600_000 } },
  ])('fails it when $what, beside updates without a key that apply', async ({ attempt }) => {
    const { client, key, apply, increment } = keyedIncrements();
    const { idempotencyKey: _key, ...unkeyed } = increment({});

    const outcomes = await apply([increment({}), unkeyed], attempt);

    expect(outcomes).toMatchObject([{ status: 'failed', reason: 'UNSTAMPED' }, { status: 'applied' }]);
    expect(await client.get(key('n'))).toBe('1');
  });
});

test('in a batch one that is too old stays unknown when the batch runs again with a new stamp', async () => {
  const { client, key, apply, increment } = keyedIncrements();
  const { idempotencyKey: _key, ...unkeyed } = increment({});
  const jobId = newJobId(NO_SLOT);

  const outcomes = await apply([increment({}), unkeyed], { jobId, sentAtMs: Date.now() - 48 * 3_600_000 });
  const again = await apply([increment({}), unkeyed], { jobId });

  expect(outcomes).toMatchObject([{ status: 'unknown', reason: 'TOO_OLD' }, { status: 'applied' }]);
  expect(again).toEqual(outcomes);
  expect(await client.get(key('n'))).toBe('1');
});

test('a worker announces the time, when it is later by more than five minutes than the one announced', async () => {
  const { client, keys, applyOne, increment } = keyedIncrements();
  const nowMs = toMs(await client.time());
  const announcedMs = async () => Number(await client.zscore(keys.announced(NO_SLOT), 'clock-ms'));
  await client.zadd(keys.announced(NO_SLOT), nowMs - 200_000, 'clock-ms');

  await applyOne(increment({}, 'soon'));
  expect(await announcedMs()).toBe(nowMs - 200_000);
  await client.zadd(keys.announced(NO_SLOT), nowMs - 300_001, 'clock-ms');
  await applyOne(increment({}, 'later'));

  expect(await announcedMs()).toBeGreaterThanOrEqual(nowMs);
});
