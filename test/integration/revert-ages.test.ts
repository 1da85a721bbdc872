import { expect, onTestFinished, test } from 'vitest';
import type { ProducerOptions } from '../../src/index.js';
import { jobOf, openQueue } from '../support/queues.js';
import { startRedisWithClock } from '../support/redis-clock/redis-with-clock.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { keysLike, place } from '../support/tally.js';

/** Time passes here by Redis' clock: receipts of reverts are forgotten by it, and no test removes one. */

const [HOUR, DAY] = [3_600_000, 86_400_000];
const QUICK = { lockDurationMs: 1_000, stalledIntervalMs: 300, keepOutcomes: { ms: 90 * DAY } };

async function begin() {
  skipUnlessOneServer('it moves the clock of a server of its own');
  const redis = await startRedisWithClock();
  onTestFinished(() => redis.stop());
  const here = place(redis.url, { staysUp: true }); // only its clock moves
  const worker = await here.worker(QUICK);
  const key = here.key('n');
  const valueAfter = async (sent: { outcome: () => Promise<unknown> }) => {
    await sent.outcome();
    return here.client.get(key);
  };
  const receiptsOfReverts = () => keysLike(here, `${here.namespace}:idem:tally%3Arevert:*`);
  return { here, clock: redis.clock, worker, key, valueAfter, receiptsOfReverts };
}

/** Producers whose windows are as small and as large as may be. */
const WINDOWS: [string, Partial<ProducerOptions>][] = [
  ['one second', { idempotencyWindowMs: 1_000 }],
  ['90 days', { idempotencyWindowMs: 90 * DAY }],
];

test.each(WINDOWS)(
  'a second revert never comes after the first was forgotten, when keys are remembered for %s',
  async (_what, options) => {
    const { here, clock, key, valueAfter, receiptsOfReverts } = await begin();
    const producer = here.producer(options);
    const sent = await producer.counters.increment({ key, by: 5 });
    expect(await valueAfter(sent)).toBe('5');
    expect(await valueAfter(await producer.revert(sent.id))).toBe('0');

    clock.advance(7 * DAY - HOUR); // the last moment at which it may be reverted
    expect(await valueAfter(await producer.revert(sent.id))).toBe('0');
    clock.advance(2 * HOUR);
    expect(await valueAfter(await producer.revert(sent.id))).toBe('0'); // what is recorded is told
    if (options.idempotencyWindowMs === 1_000) {
      clock.advance(2 * DAY);
      expect(await receiptsOfReverts()).toEqual([]);
      expect(await producer.find(sent.id)).toMatchObject({ outcome: { status: 'applied' } });
      await expect(producer.revert(sent.id)).rejects.toThrow(/sent more than 7 days ago/);
    }
    expect(await here.client.get(key)).toBe('0');
  },
);

test('a revert that nobody asked for in time is refused, also of an update that ran late', async () => {
  const { here, clock, key, valueAfter } = await begin();
  const producer = here.producer();
  const sent = await producer.counters.increment({ key, by: 5 }, { delay: 30 * DAY });
  clock.advance(8 * DAY);
  await (await jobOf(openQueue(here), sent.jobId)).promote();
  expect(await valueAfter(sent)).toBe('5');
  await expect(producer.revert(sent.id)).rejects.toThrow(/sent more than 7 days ago/);
  expect(await here.client.get(key)).toBe('5');
});

test('a revert that waits for a worker while its time passes does nothing', async () => {
  const { here, clock, worker, key, valueAfter } = await begin();
  const producer = here.producer();
  const sent = await producer.counters.increment({ key, by: 5 });
  expect(await valueAfter(sent)).toBe('5');
  await worker.close();
  const [first] = [await producer.revert(sent.id)];
  clock.advance(9 * DAY);
  await here.worker(QUICK);
  expect(await first.outcome()).toMatchObject({ status: 'unknown', reason: 'TOO_OLD' });
  expect(await here.client.get(key)).toBe('5');
});

test('an update of a bucket that is over, or whose clock is ahead, is not reverted', async () => {
  const { here, clock, key, valueAfter } = await begin();
  const producer = here.producer();
  const counted = await producer.counters.increment({ key, by: 5, bucket: 'hour', keepBuckets: 1 });
  await counted.outcome();
  clock.advance(3 * HOUR);
  await expect(producer.revert(counted.id)).rejects.toThrow(/bucket in which it counted is over/);
  expect(await keysLike(here, `${key}:*`)).toEqual([]);

  const sent = await producer.counters.increment({ key, by: 5 });
  expect(await valueAfter(sent)).toBe('5');
  const job = await jobOf(openQueue(here), sent.jobId);
  const { sentAtMs, ...rest } = job.data as { sentAtMs: number };
  expect(sentAtMs).toBeGreaterThan(0);
  for (const stamp of [{}, { sentAtMs: sentAtMs + DAY }]) {
    const text = JSON.stringify({ v: 2, ...stamp, ...rest });
    await here.client.hset(`${here.prefix}:counters:${sent.jobId}`, 'data', text);
    await expect(producer.revert(sent.id)).rejects.toThrow(/EDITED|does not say when it was sent/);
  }
  expect(await here.client.get(key)).toBe('5');
});

test('a duplicate is not taken for an update that has its key anew', async () => {
  const { here, clock, worker, key, valueAfter } = await begin();
  const producer = here.producer({ idempotencyWindowMs: HOUR });
  const keyed = { idempotencyKey: 'order-7', priority: 1 };
  await worker.close();
  const [one, two] = [
    await producer.counters.increment({ key, by: 5 }, keyed),
    await producer.counters.increment({ key, by: 5 }, keyed),
  ];
  await here.worker(QUICK);
  const duplicate = 'duplicate' in (await one.outcome()) ? one : two;
  await two.outcome();
  clock.advance(2 * HOUR);
  const anew = await producer.counters.increment({ key, by: 5 }, keyed);
  expect(await valueAfter(anew)).toBe('10');
  await expect(producer.revert(duplicate.id)).rejects.toThrow(/used anew since/);
  expect(await here.client.get(key)).toBe('10');
});
