import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { QueueUnavailableError } from '../../src/index.js';
import { createRegistry } from '../../src/operations/registry.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { sampleClocks } from '../../src/redis/clock.js';
import { monitor } from '../support/monitor.js';
import { startProxy } from '../support/proxy.js';
import { startRedisWithClock } from '../support/redis-clock/redis-with-clock.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { ended, jobOf, openQueue } from '../support/queues.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** A request may reach Redis after its connection was lost, was replaced, and its resend was answered. */

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key, by: 5 } });
const APPLY = applyScript(createRegistry()).sha;
const LEASE_MS = 2_500;
const TIMING = { lockDurationMs: LEASE_MS, stalledIntervalMs: 500, closeTimeoutMs: 100 };

/** An update whose first request lingers, while its resend meets another type. */
async function refusedWhileOneLingers(here: Place) {
  const key = here.key('stock');
  const proxy = await startProxy(here.redis);
  await here.worker({ redis: proxy.url, ...TIMING });
  await here.client.lpush(key, 'x');
  const held = proxy.holdBack(APPLY);
  const submission = await here.producer().submit(increment(key));
  await until('the first request lingers', held.isHeld);
  return { key, held, submission };
}

test('a request that arrives while its lease lasts is told as applied, though its resend was refused', async () => {
  const here = place();
  const key = here.key('stock');
  const proxy = await startProxy(here.redis);
  await here.worker({ redis: proxy.url, ...TIMING });
  await here.client.lpush(key, 'x'); // the resend meets another type
  const applied = await countApplying(here);
  const held = proxy.holdBack(APPLY);
  const producer = here.producer();
  const submission = await producer.submit(increment(key));
  await until('the first request lingers', held.isHeld);
  const queue = openQueue(here);
  await until('its resend was answered', () => applied() > 0);
  expect(await queue.getJobState(submission.jobId)).toBe('active');

  await here.client.del(key); // the cause is gone
  await held.deliver();

  expect(await here.client.get(key)).toBe('5');
  expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
  expect((await producer.find(submission.id))?.outcome).toMatchObject({ status: 'applied' });
});

test('a request that arrives after its lease writes nothing, so that what was told as failed stays so', async () => {
  const here = place();
  const { key, held, submission } = await refusedWhileOneLingers(here);
  const lingersSinceMs = performance.now();

  expect(await submission.outcome()).toMatchObject({ status: 'failed', reason: 'WRONG_TYPE' });
  expect(performance.now() - lingersSinceMs).toBeGreaterThan(LEASE_MS - 500);
  await here.client.del(key);
  await held.deliver();

  expect(await here.client.exists(key)).toBe(0);
});

test("a lease that was sent before Redis' clock was set back is waited for, though the clock is known anew", async () => {
  skipUnlessOneServer('it moves the clock of a server of its own');
  const redis = await startRedisWithClock();
  onTestFinished(() => redis.stop());
  redis.clock.advance(1_500);
  const here = place(redis.url, { staysUp: true }); // only its clock moves
  const { key, held, submission } = await refusedWhileOneLingers(here);
  redis.clock.set(0);
  await sampleClocks();
  expect(await submission.outcome()).toMatchObject({ status: 'failed' });
  await here.client.del(key);
  await held.deliver();

  expect(await here.client.exists(key)).toBe(0);
});

test('an attempt ends for no retry either while its request may arrive: OOM first, another type then', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const key = here.key('stock');
  const proxy = await startProxy(here.redis);
  await here.worker({ redis: proxy.url, ...TIMING });
  const applied = await countApplying(here);
  const held = proxy.holdBack(APPLY);
  const queue = openQueue(here);
  const submission = await here.producer().submit(increment(key));
  await until('the first request lingers', held.isHeld);
  await here.client.config('SET', 'maxmemory', '1mb'); // the resend is refused
  await until('its resend was answered', () => applied() > 0);
  expect(await queue.getJobState(submission.jobId)).toBe('active');
  await here.client.config('SET', 'maxmemory', '0');
  await held.deliver();

  expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
  expect(await here.client.get(key)).toBe('5');
  expect((await jobOf(queue, submission.jobId)).attemptsMade).toBe(1);
});

test('on its last attempt a job waits out its lease before it says that nothing was applied', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const key = here.key('stock');
  const proxy = await startProxy(here.redis);
  const queue = openQueue(here);
  await here.worker({ redis: proxy.url, ...TIMING });
  const applied = await countApplying(here);
  const held = proxy.holdBack(APPLY);
  await queue.add('counter.increment', { updates: [{ key, by: 5 }] }, { jobId: 'by-hand', attempts: 1 });
  await until('the first request lingers', held.isHeld);
  await here.client.config('SET', 'maxmemory', '1mb');

  await until('its resend was answered', () => applied() > 0);
  expect(await queue.getJobState('by-hand')).toBe('active');
  await here.client.config('SET', 'maxmemory', '0');

  const job = await ended(queue, 'by-hand');
  expect(job.failedReason).toMatch(/^tally\/2 failed OOM: .*nothing was applied$/);
  await held.deliver();

  expect(await here.client.exists(key)).toBe(0);
});

test('an attempt whose answer can not be read is told as applied, on its last attempt too', async () => {
  const here = place();
  const key = here.key('stock');
  const proxy = await startProxy(here.redis);
  await here.worker({ redis: proxy.url, ...TIMING });
  const queue = openQueue(here);
  proxy.garble(APPLY);
  await queue.add('counter.increment', { updates: [{ key, by: 5 }] }, { jobId: 'by-hand', attempts: 1 });

  const job = await ended(queue, 'by-hand');
  expect(job.failedReason).toBeUndefined();
  expect(await here.client.get(key)).toBe('5');
});

test('a submit whose first request may have arrived leaves it open whether it was accepted', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const proxy = await startProxy(here.redis);
  const producer = here.producer({ redis: proxy.url });
  const key = here.key('count');
  await producer.submit(increment(here.key('warm-up')));
  const held = proxy.holdBack(key);
  const submitting = producer.submit(increment(key));
  await until('the job lingers', held.isHeld);
  await here.client.config('SET', 'maxmemory', '1mb');

  const error = await submitting.then(
    () => undefined,
    (refusal: unknown) => refusal,
  );
  await here.client.config('SET', 'maxmemory', '0');
  await held.deliver();

  expect(error).toBeInstanceOf(QueueUnavailableError);
  expect((error as QueueUnavailableError).accepted).toBe('unknown');
  expect(await openQueue(here).getWaitingCount()).toBeGreaterThan(0);
});

/** How often Redis has run the script that applies jobs, from now on. */
async function countApplying({ redis }: Place): Promise<() => number> {
  const client = new Redis(redis);
  onTestFinished(() => {
    client.disconnect();
  });
  let calls = 0;
  await monitor(client, ([name, sha]) => {
    calls += name === 'evalsha' && sha === APPLY ? 1 : 0;
  });
  return () => calls;
}
