import { expect, test } from 'vitest';
import { QueueUnavailableError } from '../../src/index.js';
import type { Submission } from '../../src/index.js';
import { startStopwatch } from '../support/stopwatch.js';
import { ownRedis, place, until } from '../support/tally.js';

/** A port of loopback on which nothing listens: privileged, and unused. */
const NOBODY = 'redis://127.0.0.1:1';

test('a producer without Redis fails within its time limit and says that a resend is safe', async () => {
  const producer = place().producer({ redis: NOBODY, submitTimeoutMs: 1_000 });
  const elapsedMs = startStopwatch();
  const failure = await producer.counters.increment({ key: 'count' }).catch((error: unknown) => error);
  expect(elapsedMs()).toBeLessThan(1_500);
  expect(failure).toBeInstanceOf(QueueUnavailableError);
  expect((failure as QueueUnavailableError).message).toContain('same idempotency key');
});

test('a producer whose Redis hangs fails within its time limit, all waiting updates alike', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const producer = here.producer({ submitTimeoutMs: 1_000 });
  await producer.counters.increment({ key: here.key('count') });
  process.kill(redis.pid(), 'SIGSTOP');
  try {
    const elapsedMs = startStopwatch();
    const attempts = Array.from({ length: 50 }, () => producer.counters.increment({ key: here.key('count') }));
    const results = await Promise.allSettled(attempts);
    expect(elapsedMs()).toBeLessThan(1_500);
    expect(results.every((it) => it.status === 'rejected' && it.reason instanceof QueueUnavailableError)).toBe(true);
  } finally {
    process.kill(redis.pid(), 'SIGCONT');
  }
});

test('workers and producers go on by themselves after a restart of Redis, and nothing is lost or doubled', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const key = here.key('count');
  await here.worker();
  const producer = here.producer({ submitTimeoutMs: 500 });
  const submissions: Submission[] = [];
  const served = (name: string, delay?: number) =>
    until(`the producer is served: ${name}`, () =>
      producer.counters
        .increment({ key }, { idempotencyKey: here.key(name), ...(delay !== undefined && { delay }) })
        .then(
          (submission) => submissions.push(submission) > 0,
          () => false,
        ),
    );
  await served('first');
  await submissions[0]!.outcome();
  // One job waits over the restart: its worker is gone with the connection, not with the data.
  await served('waits', 500);
  await redis.stop();
  await expect(producer.counters.increment({ key })).rejects.toBeInstanceOf(QueueUnavailableError);

  await redis.start();
  await served('again');
  for (const submission of submissions.slice(1)) {
    expect(await submission.outcome()).toMatchObject({ status: 'applied' });
  }
  // The refused one was sent to a Redis that was gone, so it never arrived.
  expect(await here.client.get(key)).toBe('3');
});

test('SCRIPT FLUSH between jobs costs nothing but a reload', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  await here.worker();
  const producer = here.producer();
  for (const value of [1, 2, 3]) {
    await here.client.script('FLUSH');
    const submission = await producer.counters.increment({ key: here.key('count') });
    expect(await submission.outcome()).toEqual({ status: 'applied', result: { value, applied: 1 } });
  }
});

test('a worker refuses a Redis that may evict keys, and names the command that mends it', async () => {
  const redis = await ownRedis(['--maxmemory-policy', 'allkeys-lru']);
  const here = place(redis.url);
  await expect(here.worker()).rejects.toThrow(/CONFIG SET maxmemory-policy noeviction/);
});

test('a job that meets a full Redis is applied once there is room', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const key = here.key('count');
  const submission = await here.producer().counters.increment({ key });
  await here.client.config('SET', 'maxmemory', '1mb');
  await here.worker();
  await until('the worker has met OOM', async () => (await here.client.info('errorstats')).includes('errorstat_OOM'));
  expect(await here.client.exists(key)).toBe(0);
  await here.client.config('SET', 'maxmemory', '0');
  expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 1, applied: 1 } });
});
