import { describe, expect, test } from 'vitest';
import { newJobId } from '../../src/layout/new-job-id.js';
import type { Update } from '../../src/operations/update.js';
import { toMs } from '../../src/redis/server-time.js';
import type { RedisClient } from '../../src/redis/connection.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { monitor } from '../support/monitor.js';
import { until } from '../support/tally.js';
import { CELL_KINDS, cellOf, store, stored } from './cells.js';
import { allWithHistory } from './histories.js';
import { redisOfThisFile } from './redis-of-this-file.js';
import { takeSnapshot } from './snapshot.js';
import { setup } from './setup.js';

const DAY_MS = 24 * 3600 * 1000;

const own = redisOfThisFile();

describe('a job that is applied once more', () => {
  test('answers the same outcomes and changes nothing', async () => {
    const { client, key, apply } = setup(own.url);
    const [good, bad] = [key('good'), key('bad')];
    await client.mset(good, 1, bad, 'abc');
    const updates: Update[] = [
      { operation: 'counter.increment', params: { key: good }, idempotencyKey: 'a' },
      { operation: 'counter.increment', params: { key: good, max: 2 } },
      { operation: 'counter.increment', params: { key: bad } },
      { operation: 'counter.increment', params: { key: good }, idempotencyKey: 'a' },
      { operation: 'counter.increment', params: { key: good, by: 2 }, idempotencyKey: 'a' },
    ];
    const jobId = newJobId(NO_SLOT);
    const outcomes = await apply(updates, { jobId });
    const before = await takeSnapshot(client);
    await client.set(bad, 7); // what failed at first must not apply now: the batch put it back as its own job

    const again = await apply(updates, { jobId });

    expect(outcomes.map(({ status }) => status)).toEqual(['applied', 'rejected', 'failed', 'applied', 'conflict']);
    expect(again).toEqual(outcomes);
    expect(await client.mget(good, bad)).toEqual(['2', '7']);
    await client.set(bad, 'abc');
    expect((await takeSnapshot(client)).dumps).toEqual(before.dumps);
  });

  test('keeps its receipt for another 400 days', async () => {
    const { client, key, jobReceipt, applyOne } = setup();
    const jobId = newJobId(NO_SLOT);
    const update = { operation: 'counter.increment', params: { key: key('n') } };
    await applyOne(update, { jobId });
    const firstMs = await client.pttl(jobReceipt(jobId));
    await client.expire(jobReceipt(jobId), 600);

    await applyOne(update, { jobId });

    for (const lifeMs of [firstMs, await client.pttl(jobReceipt(jobId))]) {
      expect(lifeMs).toBeGreaterThan(400 * DAY_MS - 60_000);
      expect(lifeMs).toBeLessThanOrEqual(400 * DAY_MS);
    }
    expect(await client.get(key('n'))).toBe('1');
  });

  test('answers after its lease too, and then writes nothing at all', async () => {
    const { client, key, applyOne } = setup(own.url);
    const jobId = newJobId(NO_SLOT);
    const update = { operation: 'counter.increment', params: { key: key('n') } };
    const outcome = await applyOne(update, { jobId });
    const before = await takeSnapshot(client);

    expect(await applyOne(update, { jobId, leaseMs: 1 })).toEqual(outcome);

    expect(await takeSnapshot(client)).toEqual(before);
  });

  test('is planned anew when its only update failed', async () => {
    const { client, key, jobReceipt, applyOne } = setup();
    const jobId = newJobId(NO_SLOT);
    const update = { operation: 'counter.increment', params: { key: key('n') } };
    await client.set(key('n'), 'abc');

    expect(await applyOne(update, { jobId })).toMatchObject({ status: 'failed' });
    expect(await client.exists(jobReceipt(jobId))).toBe(0);
    await client.set(key('n'), 5);

    expect(await applyOne(update, { jobId })).toEqual({ status: 'applied', result: { value: 6, applied: 1 } });
  });

  test('stays rejected when its only update was rejected, whatever changed since', async () => {
    const { client, key, applyOne } = setup();
    const jobId = newJobId(NO_SLOT);
    const update = { operation: 'inventory.take', params: { key: key('n'), quantity: 1, whenShort: 'reject' } };
    const outcome = await applyOne(update, { jobId });
    await client.set(key('n'), 5);

    expect(outcome).toMatchObject({ status: 'rejected' });
    expect(await applyOne(update, { jobId })).toEqual(outcome);
    expect(await client.get(key('n'))).toBe('5');
  });
});

async function redisTimeMs(client: RedisClient): Promise<number> {
  return toMs(await client.time());
}

describe('a job that ran before, and has no receipt', () => {
  const RERUN_LIMIT_MS = 400 * DAY_MS - 3_600_000;

  test('is applied until an hour before its receipt would have been forgotten', async () => {
    const { client, key, applyOne } = setup();
    const update = { operation: 'counter.increment', params: { key: key('n') } };
    const nowMs = await redisTimeMs(client);

    const inTime = await applyOne(update, { ranBefore: true, sentAtMs: nowMs - RERUN_LIMIT_MS + 60_000 });
    const late = applyOne(update, { ranBefore: true, sentAtMs: nowMs - RERUN_LIMIT_MS - 1 });

    expect(inTime).toMatchObject({ status: 'applied' });
    await expect(late).rejects.toThrow(/^TOO_OLD /);
    expect(await client.get(key('n'))).toBe('1');
  });

  test('is as old as the latest time announced says, when the clock of Redis was set back', async () => {
    const { client, key, keys, applyOne } = setup();
    const update = { operation: 'counter.increment', params: { key: key('n') } };
    const sentAtMs = await redisTimeMs(client);
    const clockMs = sentAtMs + RERUN_LIMIT_MS + 1;
    await client.zadd(keys.announced(NO_SLOT), clockMs, 'clock-ms');

    await expect(applyOne(update, { ranBefore: true, sentAtMs, clockMs })).rejects.toThrow(/^TOO_OLD /);

    expect(await client.exists(key('n'))).toBe(0);
  });

  test('is not applied when it does not say when it was sent', async () => {
    const { client, key, applyOne } = setup();
    const update = { operation: 'counter.increment', params: { key: key('n') } };

    await expect(applyOne(update, { ranBefore: true, sentAtMs: null })).rejects.toThrow(/^UNSTAMPED /);
    expect(await client.exists(key('n'))).toBe(0);

    expect(await applyOne(update, { sentAtMs: null })).toMatchObject({ status: 'applied' });
  });

  test('answers however old it is when there is a receipt', async () => {
    const { client, key, applyOne } = setup();
    const [update, jobId] = [{ operation: 'counter.increment', params: { key: key('n') } }, newJobId(NO_SLOT)];
    const outcome = await applyOne(update, { jobId });

    expect(await applyOne(update, { jobId, ranBefore: true, sentAtMs: 1 })).toEqual(outcome);
    expect(await applyOne(update, { jobId, ranBefore: true, sentAtMs: null })).toEqual(outcome);

    expect(await client.get(key('n'))).toBe('1');
  });

  test('answers with the receipt that has its other name', async () => {
    const { client, key, keys, jobReceipt, applyOne } = setup();
    const update = { operation: 'counter.increment', params: { key: key('n') } };
    const [jobId, otherName] = [newJobId(NO_SLOT), { prefix: 'p', queue: 'q', jobId: 'other', addedAtMs: 5 }];
    const outcome = await applyOne(update, { jobId });
    await client.rename(jobReceipt(jobId), keys.jobReceipt(otherName, NO_SLOT));

    expect(await applyOne(update, { jobId, otherName, ranBefore: true })).toEqual(outcome);

    expect(await client.get(key('n'))).toBe('1');
  });
});

describe('the lease', () => {
  test('ends in Redis time, whatever the clock here says', async () => {
    const { client, key, applyOne } = setup();
    const update = { operation: 'counter.increment', params: { key: key('n') } };

    const nowMs = await redisTimeMs(client);
    await expect(applyOne(update, { leaseMs: nowMs - 1 })).rejects.toThrow(/^LEASE_EXPIRED .*nothing was written/);
    expect(await applyOne(update, { leaseMs: nowMs + 60_000 })).toMatchObject({ status: 'applied' });

    expect(await client.get(key('n'))).toBe('1');
  });

  test('is not believed when it lies further ahead than any can, since the clock of Redis was set back then', async () => {
    const { client, key, applyOne } = setup();
    const update = { operation: 'counter.increment', params: { key: key('n') } };
    const [lockDurationMs, nowMs] = [10_000, await redisTimeMs(client)];

    const far = applyOne(update, { leaseMs: nowMs + 60_000, lockDurationMs });
    await expect(far).rejects.toThrow(/^LEASE_EXPIRED .*nothing was written/);
    expect(await applyOne(update, { leaseMs: nowMs + lockDurationMs, lockDurationMs })).toMatchObject({
      status: 'applied',
    });

    expect(await client.get(key('n'))).toBe('1');
  });

  test.each([NaN, -Infinity])('of %d lets nothing be written', async (leaseMs) => {
    const { client, key, applyOne } = setup();
    const update = { operation: 'counter.increment', params: { key: key('n') } };

    await expect(applyOne(update, { leaseMs })).rejects.toThrow(/LEASE_EXPIRED/);

    expect(await client.exists(key('n'))).toBe(0);
  });
});

/** How often Redis ran each command since the last CONFIG RESETSTAT. */
async function commandCalls(client: RedisClient): Promise<Record<string, number>> {
  const info = await client.info('commandstats');
  const calls = [...info.matchAll(/cmdstat_([\w|]+):calls=(\d+)/g)].map(([, name, count]) => [name, Number(count)]);
  return Object.fromEntries(calls) as Record<string, number>;
}

describe('a cell that 100 updates of one job touch', () => {
  test.each([
    { kind: 'string', expected: { mget: 1, zmscore: 1, incrby: 1, get: 1, set: 1 } }, // zmscore: what is announced; get and set: the receipt
    { kind: 'hash field', expected: { hmget: 1, zmscore: 1, hincrby: 1, get: 1, set: 1 } },
    { kind: 'sorted-set member', expected: { zmscore: 2, zadd: 1, get: 1, set: 1 } },
  ] as const)('is read once and written once ($kind)', async ({ kind, expected }) => {
    const { client, key, apply } = setup(own.url);
    const cell = cellOf(kind, key('hot'));
    await store(client, cell, 1000);
    await apply([{ operation: 'counter.increment', params: { ...cell } }]); // loads the script
    await client.config('RESETSTAT');

    await apply(Array.from({ length: 100 }, () => ({ operation: 'counter.increment', params: { ...cell } })));

    const { evalsha, time, info: _info, 'config|resetstat': _reset, ...calls } = await commandCalls(client);
    expect({ evalsha, time }).toEqual({ evalsha: 1, time: 1 });
    expect(calls).toEqual(expected);
    expect(await stored(client, cell)).toBe('1101');
  });

  test('is not written when all of them are rejected', async () => {
    const { client, key, apply } = setup(own.url);
    await client.set(key('full'), 10);
    await apply([{ operation: 'counter.increment', params: { key: key('other') } }]);
    await client.config('RESETSTAT');

    await apply(
      Array.from({ length: 100 }, () => ({ operation: 'counter.increment', params: { key: key('full'), max: 10 } })),
    );

    expect(await commandCalls(client)).toMatchObject({ mget: 1, set: 1 });
  });
});

const WRITES = ['SET', 'INCRBY', 'HSET', 'HINCRBY', 'ZADD', 'LPUSH', 'DEL', 'UNLINK'];

test('the job receipt is written first, then idempotency receipts and the time, then cells, then histories', async () => {
  const { client, key, keys, jobReceipt, keyReceipt, apply } = setup(own.url, allWithHistory(5));
  const jobId = newJobId(NO_SLOT);
  const written: string[] = [];
  let done = false;
  await monitor(client.masters()[0]!, ([name, first = ''], source) => {
    if (source === 'lua' && WRITES.includes(name.toUpperCase())) {
      written.push(first);
    }
    done ||= name === 'echo';
  });
  const cells = CELL_KINDS.map((kind) => cellOf(kind, key(kind)));

  await apply(
    cells.map((cell, n) => ({ operation: 'xp.award', params: { ...cell, amount: 1 }, idempotencyKey: `k${n}` })),
    { jobId },
  );
  await client.echo('done');
  await until('MONITOR showed the end', () => done);

  expect(written).toEqual([
    jobReceipt(jobId),
    ...['k0', 'k1', 'k2'].map((name) => keyReceipt(name, 'xp.award')),
    keys.announced(NO_SLOT),
    ...cells.map((cell) => cell.key),
    ...cells.map((cell) => keys.history(cell, NO_SLOT)),
  ]);
});

describe('a key that one job names as two kinds', () => {
  test.each([
    ['hash field', 'sorted-set member'],
    ['hash field', 'string'],
    ['sorted-set member', 'string'],
    ['sorted-set member', 'hash field'],
    ['string', 'hash field'],
    ['string', 'sorted-set member'],
  ] as const)('fails as %s and applies as %s when it is that', async (wrong, right) => {
    const { client, key, apply } = setup();
    const cell = cellOf(right, key('n'));
    await store(client, cell, 5);

    const outcomes = await apply(
      [cellOf(wrong, key('n')), cell].map((it) => ({ operation: 'counter.increment', params: { ...it } })),
    );

    expect(outcomes).toMatchObject([
      { status: 'failed', reason: 'WRONG_TYPE' },
      { status: 'applied', result: { value: 6 } },
    ]);
    expect(await stored(client, cell)).toBe('6');
  });
});
