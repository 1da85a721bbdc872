import { expect, onTestFinished, test, vi } from 'vitest';
import type { Producer, ProducerOptions } from '../../src/index.js';
import { createRegistry } from '../../src/operations/registry.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { startWorkerProcess } from '../support/child.js';
import { startProxy } from '../support/proxy.js';
import { ended, jobOf, openQueue } from '../support/queues.js';
import { startRedisWithClock } from '../support/redis-clock/redis-with-clock.js';
import type { RedisWithClock } from '../support/redis-clock/redis-with-clock.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** Time passes here by Redis' clock: whatever lives for a time ends by it, and no test removes a receipt. */

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const QUICK = { lockDurationMs: 1_000, stalledIntervalMs: 300 };
const APPLIED = { status: 'applied', result: { value: 5, applied: 5 } };

async function begin(): Promise<Place & { readonly clock: RedisWithClock['clock']; readonly stock: string }> {
  skipUnlessOneServer('it moves the clock of a server of its own');
  const redis = await startRedisWithClock();
  onTestFinished(() => redis.stop());
  const here = place(redis.url, { staysUp: true }); // only its clock moves
  return { ...here, clock: redis.clock, stock: here.key('stock') };
}

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key, by: 5 } });
const keyed = (key: string, idempotencyKey = 'order-7') => ({ ...increment(key), idempotencyKey });

/** A keyed update that failed for another type and was then sent again and applied: its job can be retried. */
async function failedAndSentAgain(here: Place & { stock: string }, first: Producer, second = first): Promise<string> {
  await here.client.lpush(here.stock, 'x');
  const failed = await first.submit(keyed(here.stock));
  expect(await failed.outcome()).toMatchObject({ status: 'failed', reason: 'WRONG_TYPE' });
  await here.client.del(here.stock);
  expect(await (await second.submit(keyed(here.stock))).outcome()).toEqual(APPLIED);
  return failed.jobId;
}

/** Runs a failed job again, and tells how it ends. */
async function retry(here: Place, jobId: string): Promise<string> {
  const queue = openQueue(here);
  await (await jobOf(queue, jobId)).retry('failed');
  const job = await ended(queue, jobId);
  return String(job.returnvalue ?? job.failedReason); // a job that was completed keeps the reason of an attempt that failed
}

/** The wall clock of this process, and so of its producers and workers. */
function shiftWallClock(ms: number): () => void {
  const { now } = Date;
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => now.call(Date) + ms);
  const back = () => {
    spy.mockRestore();
  };
  onTestFinished(back);
  return back;
}

test.each([
  ['promoted', async (here: Place, jobId: string) => (await jobOf(openQueue(here), jobId)).promote()],
  ['given another delay', async (here: Place, jobId: string) => (await jobOf(openQueue(here), jobId)).changeDelay(1)],
])(
  'a delayed keyed update that was %s, failed and was sent again is not applied after its window',
  async (_what, hurry) => {
    const here = await begin();
    await here.worker(QUICK);
    const producer = here.producer({ idempotencyWindowMs: 4 * DAY });
    await here.client.lpush(here.stock, 'x');
    const delayed = await producer.submit(increment(here.stock), { idempotencyKey: 'order-7', delay: 3 * DAY });
    await hurry(here, delayed.jobId);
    expect(await delayed.outcome()).toMatchObject({ status: 'failed', reason: 'WRONG_TYPE' });
    await here.client.del(here.stock);
    expect(await (await producer.submit(keyed(here.stock))).outcome()).toEqual(APPLIED);

    here.clock.advance(5 * DAY);

    expect(await retry(here, delayed.jobId)).toMatch(/^tally\/2 unknown TOO_OLD: /);
    expect(await here.client.get(here.stock)).toBe('5');
    expect(await delayed.outcome()).toMatchObject({ status: 'unknown', reason: 'TOO_OLD' });
  },
);

test('keyed updates that are delayed by all of their window may run an hour late, and apply nothing twice', async () => {
  const here = await begin();
  await here.worker(QUICK);
  const producer = here.producer();
  const delayed = [keyed(here.stock), keyed(here.stock, 'b'), keyed(here.stock, 'c')] as const;
  const [known, fresh, old] = await producer.submit(delayed, { delay: DAY });
  expect(await (await producer.submit(keyed(here.stock))).outcome()).toEqual(APPLIED);

  here.clock.advance(DAY + 59 * MINUTE);
  await Promise.all([known, fresh].map(async ({ jobId }) => (await jobOf(openQueue(here), jobId)).promote()));
  expect(await known.outcome()).toEqual({ ...APPLIED, duplicate: true });
  expect(await fresh.outcome()).toEqual({ status: 'applied', result: { value: 10, applied: 5 } });
  here.clock.advance(2 * MINUTE);
  await (await jobOf(openQueue(here), old.jobId)).promote();
  expect(await old.outcome()).toMatchObject({ status: 'unknown', reason: 'TOO_OLD' });
});

test.each([
  ['within the window is a duplicate', 23 * HOUR, { ...APPLIED, duplicate: true }],
  ['past the window is unknown', 26 * HOUR, { status: 'unknown', reason: 'TOO_OLD' }],
])('of two updates with one key that are queued together, the one that runs %s', async (_what, standsMs, outcome) => {
  const here = await begin();
  const producer = here.producer();
  const first = await producer.submit(keyed(here.stock));
  const second = await producer.submit(increment(here.stock), { idempotencyKey: 'order-7', delay: HOUR });
  expect(second.isRepeat).toBe(false);
  await here.worker(QUICK);
  expect(await first.outcome()).toEqual(APPLIED);

  here.clock.advance(standsMs);
  await (await jobOf(openQueue(here), second.jobId)).promote();

  expect(await second.outcome()).toMatchObject(outcome);
  expect(await here.client.get(here.stock)).toBe('5');
});

test.each([
  ['a keyed update', keyed, 26 * HOUR],
  ['an unkeyed update', increment, 400 * DAY],
])('%s that stood too long is refused in a first run, too', async (_what, update, standsMs) => {
  const here = await begin();
  const submission = await here.producer().submit(update(here.stock));

  here.clock.advance(standsMs);
  await here.worker(QUICK);

  expect(await submission.outcome()).toMatchObject({ status: 'unknown', reason: 'TOO_OLD' });
  expect(await here.client.exists(here.stock)).toBe(0);
});

test('a worker whose clock is days ahead puts a keyed update back with its own time', async () => {
  const here = await begin();
  const producer = here.producer();
  await here.client.lpush(here.stock, 'x');
  const [first] = await producer.submit([keyed(here.stock), increment(here.key('other'))]);
  const back = shiftWallClock(3 * DAY);
  const ahead = await here.worker(QUICK);
  expect(await first.outcome()).toMatchObject({ status: 'failed', reason: 'WRONG_TYPE' });
  await ahead.close();
  back();
  await here.client.del(here.stock);
  await here.worker(QUICK);
  expect(await (await producer.submit(keyed(here.stock))).outcome()).toEqual(APPLIED);

  here.clock.advance(26 * HOUR);

  expect(await retry(here, first.id)).toMatch(/^tally\/2 unknown TOO_OLD: /);
  expect(await here.client.get(here.stock)).toBe('5');
});

test('a window that is raised or lowered afterwards changes nothing for what was sent before', async () => {
  const here = await begin();
  const worker = await here.worker({ ...QUICK, idempotencyWindowMs: 10 * MINUTE });
  const jobId = await failedAndSentAgain(here, here.producer({ idempotencyWindowMs: 10 * MINUTE }));
  await worker.close();
  here.clock.advance(2 * HOUR);

  await here.worker({ ...QUICK, idempotencyWindowMs: DAY });
  await here.producer({ idempotencyWindowMs: DAY }).submit({ ...keyed(here.key('other')), idempotencyKey: 'another' });

  expect(await retry(here, jobId)).toMatch(/^tally\/2 unknown TOO_OLD: /);
  expect(await here.client.get(here.stock)).toBe('5');
});

test.each([
  ['the one with the longer window failed', { idempotencyWindowMs: 7 * DAY }, { idempotencyWindowMs: DAY }],
  ['the one with the shorter window failed', { idempotencyWindowMs: DAY }, { idempotencyWindowMs: 7 * DAY }],
] satisfies [string, Partial<ProducerOptions>, Partial<ProducerOptions>][])(
  'two producers with different windows share a key: %s, and its retry after three days applies nothing twice',
  async (_what, failing, applied) => {
    const here = await begin();
    await here.worker(QUICK);
    const jobId = await failedAndSentAgain(here, here.producer(failing), here.producer(applied));

    here.clock.advance(3 * DAY);

    expect(await retry(here, jobId)).toMatch(/TOO_OLD|^tally\/2 \S+ =5$/);
    expect(await here.client.get(here.stock)).toBe('5');
  },
);

test('an update of a producer whose clock is a day behind is seconds old all the same', async () => {
  const here = await begin();
  const child = await startWorkerProcess(here, 'before-script', QUICK);
  const back = shiftWallClock(-26 * HOUR);
  const [first, second] = [
    await here.producer().submit(keyed(here.stock)),
    await here.producer().submit(increment(here.key('other'))),
  ];
  back();
  await child.ended;
  await here.worker(QUICK);

  expect(await first.outcome()).toEqual(APPLIED);
  expect(await second.outcome()).toEqual(APPLIED);
});

test('a worker whose clock is weeks ahead removes no failed job', async () => {
  const here = await begin();
  await here.worker(QUICK);
  const producer = here.producer();
  await here.client.lpush(here.stock, 'x');
  const submission = await producer.submit(increment(here.stock));
  await submission.outcome();

  shiftWallClock(15 * DAY);
  await here.worker(QUICK); // cleans up before it is ready

  expect(await openQueue(here).getFailedCount()).toBe(1);
  expect((await producer.find(submission.id))?.outcome).toMatchObject({ status: 'failed' });
});

test.each([
  ['behind', -15 * DAY],
  ['ahead', 15 * DAY],
])(
  'a failed job whose worker was weeks %s, and died before it settled it, stays for 14 days of Redis',
  async (_what, ms) => {
    const here = await begin();
    const failing = await here.worker(QUICK);
    await here.client.lpush(here.stock, 'x');
    const submission = await here.producer().submit(increment(here.stock));
    await submission.outcome();
    await failing.close();
    const set = `${here.prefix}:counters:failed`;
    await here.client.zadd(set, 'XX', Date.now() + ms, submission.jobId); // as BullMQ dates it by such a clock

    await (await here.worker(QUICK)).close();
    expect(await here.client.zscore(set, submission.jobId)).not.toBeNull();
    here.clock.advance(13 * DAY);
    await (await here.worker(QUICK)).close();
    expect(await here.client.zscore(set, submission.jobId)).not.toBeNull();

    here.clock.advance(2 * DAY);
    await here.worker(QUICK);
    expect(await here.client.exists(`${here.prefix}:counters:${submission.jobId}`)).toBe(0);
  },
);

test.each([
  ['31 days later is told as applied', 31 * DAY, APPLIED],
  ['401 days later is unknown', 401 * DAY, { status: 'unknown', reason: 'TOO_OLD' }],
])('a job that was applied by a worker which died, and runs again %s', async (_what, laterMs, outcome) => {
  const here = await begin();
  const child = await startWorkerProcess(here, 'after-script', QUICK);
  const submission = await here.producer().submit(increment(here.stock));
  await child.ended;
  expect(await here.client.get(here.stock)).toBe('5');

  here.clock.advance(laterMs);
  await here.worker(QUICK);

  expect(await submission.outcome()).toMatchObject(outcome);
  expect(await here.client.get(here.stock)).toBe('5');
});

test('an update with a delay of 300 days that was promoted on the first and runs again on day 40 is applied once', async () => {
  const here = await begin();
  const queue = openQueue(here);
  const submission = await here.producer().submit(increment(here.stock), { delay: 300 * DAY });
  here.clock.advance(DAY);
  const child = await startWorkerProcess(here, 'after-script', QUICK);
  await (await jobOf(queue, submission.jobId)).promote();
  await child.ended;

  here.clock.advance(39 * DAY);
  await here.worker(QUICK);

  expect(await submission.outcome()).toEqual(APPLIED);
  expect(await here.client.get(here.stock)).toBe('5');
});

test("what was stamped before Redis' clock was set back is applied, and not past the life of its key's receipt", async () => {
  const here = await begin();
  const producer = here.producer();
  await here.client.lpush(here.stock, 'x');
  here.clock.advance(HOUR);
  const second = await producer.submit(keyed(here.stock)); // stamped an hour ahead of what comes
  here.clock.advance(-HOUR);
  await here.worker(QUICK);
  expect(await second.outcome()).toMatchObject({ status: 'failed', reason: 'WRONG_TYPE' });
  await here.client.del(here.stock);
  expect(await (await producer.submit(keyed(here.stock))).outcome()).toEqual(APPLIED);

  here.clock.advance(DAY + 30 * MINUTE); // by the clock of before, it may still be applied

  expect(await retry(here, second.jobId)).toMatch(/^tally\/2 \S+ =5$/);
  expect(await here.client.get(here.stock)).toBe('5');
});

test("a receipt that ended while Redis' clock was days ahead lets nothing be applied twice", async () => {
  const here = await begin();
  await here.worker(QUICK);
  const producer = here.producer();
  const jobId = await failedAndSentAgain(here, producer);
  here.clock.advance(3 * DAY);
  const beyond = await producer.submit({ ...keyed(here.key('other')), idempotencyKey: 'another' }); // seen by somebody
  expect(await beyond.outcome()).toEqual(APPLIED);
  await until('the receipt has ended', async () => {
    return (await here.client.exists(`${here.namespace}:idem::counter.increment:order-7`)) === 0;
  });
  here.clock.set(0);

  expect(await retry(here, jobId)).toMatch(/^tally\/2 unknown TOO_OLD: /);
  expect(await here.client.get(here.stock)).toBe('5');
});

test("an attempt whose lease was over before Redis' clock was set back writes nothing after it", async () => {
  const here = await begin();
  const proxy = await startProxy(here.redis);
  await here.worker({ redis: proxy.url, ...QUICK, closeTimeoutMs: 100 });
  await here.client.lpush(here.stock, 'x');
  const held = proxy.holdBack(applyScript(createRegistry()).sha);
  const submission = await here.producer().submit(increment(here.stock));
  await until('the first request lingers', held.isHeld);
  here.clock.advance(HOUR);
  expect(await submission.outcome()).toMatchObject({ status: 'failed' });
  await here.client.del(here.stock);

  here.clock.set(0);
  await held.deliver();

  expect(await here.client.exists(here.stock)).toBe(0);
});

test('keyed jobs without a stamp, as others add them, are refused, and unkeyed ones are stamped at their first run', async () => {
  const here = await begin();
  const queue = openQueue(here);
  const updates = [{ key: here.stock, by: 5 }];
  await here.worker(QUICK);
  await queue.add('counter.increment', { updates, idempotencyKeys: { 0: 'k' } }, { jobId: 'keyed' });
  await here.client.lpush(here.key('bad'), 'x');
  await queue.add('counter.increment', { updates: [{ key: here.key('bad') }] }, { jobId: 'unkeyed', attempts: 5 });

  expect((await ended(queue, 'keyed')).failedReason).toMatch(/^tally\/2 failed UNSTAMPED: /);
  expect((await ended(queue, 'unkeyed')).failedReason).toMatch(/^tally\/2 failed WRONG_TYPE: /);
  expect(await here.client.exists(here.stock)).toBe(0);

  here.clock.advance(401 * DAY);
  expect(await retry(here, 'unkeyed')).toMatch(/^tally\/2 unknown TOO_OLD: /);
  await (await jobOf(queue, 'unkeyed')).updateProgress(0); // somebody took the stamp away
  expect(await retry(here, 'unkeyed')).toMatch(/^tally\/2 unknown UNSTAMPED: /);
});
