import type { Job } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { defineOperation, QueueUnavailableError } from '../../src/index.js';
import { newJobId } from '../../src/layout/new-job-id.js';
import { createRegistry } from '../../src/operations/registry.js';
import { connectPromptly } from '../../src/redis/connect.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { afterApplying } from '../support/after-applying.js';
import { startProxy } from '../support/proxy.js';
import { openQueue } from '../support/queues.js';
import { createApplier } from '../support/script.js';
import { keysLike, ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const QUICK = { lockDurationMs: 1_000, stalledIntervalMs: 500 };

test('a batch whose put-back fails for lack of memory does not claim that nothing was applied', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const [good, bad] = [here.key('good'), here.key('bad')];
  await here.client.set(bad, 'not a number');
  const jobId = newJobId(NO_SLOT);
  await openQueue(here).add(
    'counter.increment',
    { updates: [{ key: good, by: 5 }, { key: bad }] },
    { jobId, attempts: 2, backoff: { type: 'tally' } },
  );
  afterApplying(() => here.client.config('SET', 'maxmemory', '1mb'));
  await here.worker();
  await until('the batch has failed', async () => (await (await getJob(here, jobId)).getState()) === 'failed');
  expect((await getJob(here, jobId)).failedReason).toMatch(
    /^tally\/2 unknown OOM: .*whether it was applied is not known/,
  );
  expect(await here.client.get(good)).toBe('5');

  await here.client.config('SET', 'maxmemory', '0');
  await (await getJob(here, jobId)).retry();
  const { timestamp } = await getJob(here, jobId); // tells it from another job by hand with the same id
  await until('the failed update stands alone', async () => {
    return (await here.client.exists(`${here.partition.prefix}:counters:${jobId}-${timestamp}.1`)) === 1;
  });
  expect(await here.client.get(good)).toBe('5');
});

test('a job that was applied answers so, even to a worker that can not read it any more', async () => {
  const here = place();
  const key = here.key('points');
  const older = addPoints(100);
  let died = false;
  afterApplying(
    (worker) => {
      died = true;
      worker.disconnectAll();
      return new Promise(() => undefined); // the worker dies before it completes the job
    },
    applyScript(createRegistry([older])).sha,
  );
  await here.worker({ operations: [older], ...QUICK, closeTimeoutMs: 100 });
  const submission = await here
    .producer({ operations: [older] })
    .submit({ operation: 'points.add', params: { key, by: 50 } });
  await until('the first worker has died', () => died);
  await here.worker({ operations: [addPoints(10)], ...QUICK }); // a newer version accepts no more than 10 at once
  expect(await submission.outcome()).toEqual({ status: 'applied', result: 50 });
  expect(await here.client.get(key)).toBe('50');
});

test('a job that timed out at its submit is not sent again after a reconnection', async () => {
  const here = place();
  const key = here.key('count');
  const proxy = await startProxy(here.redis);
  await here.worker({ lockDurationMs: 1_000, settledReceiptMs: 2_000 });
  const producer = here.producer({ redis: proxy.url, submitTimeoutMs: 2_500 });
  await producer.counters.increment({ key: here.key('warm-up') });
  proxy.mute();
  await expect(producer.counters.increment({ key, by: 5 })).rejects.toThrow(/may or may not have been accepted/);
  await until('it was applied', async () => (await here.client.get(key)) === '5');

  // As much later: the receipt has ended, and retention has removed the job.
  await until('the receipts have ended', async () => (await keysLike(here, `${here.receipts}:job:*`)).length === 0);
  await openQueue(here).obliterate({ force: true });
  proxy.cut();
  const later = await producer.counters.increment({ key: here.key('later') });
  await later.outcome();
  expect(await here.client.get(key)).toBe('5');
});

test('of several updates of which only some were accepted, the error says how many', async () => {
  const here = place();
  const proxy = await startProxy(here.redis);
  const producer = here.producer({ redis: proxy.url, submitTimeoutMs: 3_000, maxBatch: 2 });
  await producer.counters.increment({ key: here.key('warm-up') });
  const queue = openQueue(here);
  const submitting = producer.submit(
    Array.from({ length: 20_000 }, () => ({ operation: 'counter.increment' as const, params: { key: here.key('n') } })),
  );
  const failure = submitting.catch((error: unknown) => error);
  await until('more are accepted than can be on their way', async () => (await queue.getWaitingCount()) > 1_000);
  proxy.mute();
  expect(await failure).toBeInstanceOf(QueueUnavailableError);
  expect(await failure).toMatchObject({
    message: expect.stringMatching(/^\d+ of 20000 updates were accepted, then: /) as string,
  });
});

test('a user without permission for HINCRBY loses nothing: the script writes no receipt either', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const key = here.key('hash');
  await here.client.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-hincrby');
  const app = redis.url.replace('redis://', 'redis://app:secret@');
  const client = connectPromptly(app, 'test', 5_000, here.logger);
  onTestFinished(() => {
    client.disconnect();
  });
  const { applyOne } = createApplier({ ...here, client });
  const update = { operation: 'counter.increment', params: { key, field: 'f', by: 5 } };
  const jobId = newJobId(NO_SLOT);
  expect(await applyOne(update, { jobId })).toMatchObject({ status: 'failed', reason: 'NOPERM' });
  expect(await keysLike(here, `${here.namespace}:*`)).toEqual([]);
  await here.client.call('ACL', 'SETUSER', 'app', '+hincrby');
  expect(await applyOne(update, { jobId })).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
});

test('a batch added by hand with a dot in its id puts its failed updates back like any other', async () => {
  const here = place();
  await here.client.set(here.key('bad'), 'not a number');
  const updates = [{ key: here.key('bad') }, { key: here.key('bad') }];
  await openQueue(here).add('counter.increment', { updates }, { jobId: 'import.7' });
  await here.worker();
  await until('both failed', async () => (await openQueue(here).getFailedCount()) === 2);
});

test('a job added by hand whose data is no object fails at once, with words', async () => {
  const here = place();
  await openQueue(here).add('counter.increment', null, {
    jobId: newJobId(NO_SLOT),
    attempts: 20,
    backoff: { type: 'tally' },
  });
  await here.worker();
  await until('it has failed', async () => (await openQueue(here).getFailedCount()) === 1);
  const [job] = (await openQueue(here).getFailed()) as [Job];
  expect(job.failedReason).toMatch(/^tally\/2 failed INVALID_UPDATE: .*nothing was applied$/);
});

test('a params schema that changes its own output is refused at submit', async () => {
  const euros = defineOperation({
    name: 'euros.add',
    params: z.strictObject({ key: z.string(), amount: z.number().transform((amount) => amount * 100) }),
    cells: (params) => [params],
    args: ({ amount }) => [amount],
    lua: 'return function(cells, args) return { cells[1] + args[1] }, {} end',
    result: () => undefined,
  });
  const here = place();
  const producer = here.producer({ operations: [euros] });
  const attempt = producer.submit({ operation: 'euros.add', params: { key: here.key('euros'), amount: 3 } });
  await expect(attempt).rejects.toThrow(/does not accept its own output unchanged/);
});

test('a result that throws spoils its own outcome only', async () => {
  const fragile = defineOperation({
    name: 'fragile.add',
    params: z.strictObject({ key: z.string() }),
    cells: (params) => [params],
    lua: 'return function(cells) return { cells[1] + 1 }, { cells[1] + 1 } end',
    result: () => {
      throw new Error('a fault of the result');
    },
  });
  const here = place();
  await here.worker({ operations: [fragile] });
  const producer = here.producer({ operations: [fragile] });
  const keyed = { operation: 'fragile.add' as const, params: { key: here.key('n') }, idempotencyKey: here.key('once') };
  const first = await producer.submit(keyed);
  await expect(first.outcome()).rejects.toThrow('a fault of the result');
  const [again, other] = await producer.submit([keyed, { operation: 'fragile.add', params: { key: here.key('n') } }]);
  await expect(again.outcome()).rejects.toThrow('a fault of the result');
  await expect(other.outcome()).rejects.toThrow('a fault of the result');
  expect(await here.client.get(here.key('n'))).toBe('2');
});

test('closing a producer waits for updates with a delay, and asks nobody for outcomes afterwards', async () => {
  const here = place();
  const producer = here.producer();
  const submitting = producer.counters.increment({ key: here.key('n') }, { delay: 60_000 });
  await producer.close();
  const submission = await submitting;
  await expect(submission.outcome()).rejects.toMatchObject({ code: 'CLOSED' });
  expect(await here.client.zcard(`${here.partition.prefix}:counters:delayed`)).toBe(1);
});

test('an endless time limit for an outcome is no limit', async () => {
  const here = place();
  const producer = here.producer();
  const submission = await producer.counters.increment({ key: here.key('n') });
  const outcome = submission.outcome({ timeoutMs: Number.POSITIVE_INFINITY });
  await here.worker();
  expect(await outcome).toMatchObject({ status: 'applied' });
});

test('what was submitted before its producer closes is sent, also when something is looked up first', async () => {
  const here = place();
  const update = { operation: 'counter.increment', params: { key: here.key('n') }, idempotencyKey: 'k' } as const;
  const [one, other] = [here.producer(), here.producer()];
  const inBucket = one.counters.increment({ key: here.key('n'), bucket: 'day' }); // Redis' time is not known yet
  const list = other.submit([update], { refuseConflicts: true });
  await Promise.all([one.close(), other.close()]);
  await expect(Promise.all([inBucket, list])).resolves.toHaveLength(2);
  await expect(one.counters.increment({ key: here.key('n') })).rejects.toMatchObject({ code: 'CLOSED' });
});

test('the methods of operations refuse conflicts, too', async () => {
  const here = place();
  await here.worker();
  const { counters } = here.producer();
  const options = { idempotencyKey: 'k', refuseConflicts: true };
  await (await counters.increment({ key: here.key('n') }, options)).outcome();
  await expect(counters.increment({ key: here.key('n'), by: 2 }, options)).rejects.toMatchObject({ indexes: [0] });
});

function addPoints(most: number) {
  return defineOperation({
    name: 'points.add',
    params: z.strictObject({ key: z.string(), by: z.int().max(most) }),
    cells: (params) => [params],
    args: ({ by }) => [by],
    lua: 'return function(cells, args) local sum = cells[1] + args[1] return { sum }, { sum } end',
    result: ([value]) => value,
  });
}

async function getJob(here: Place, jobId: string): Promise<Job> {
  return (await openQueue(here).getJob(jobId)) as Job;
}
