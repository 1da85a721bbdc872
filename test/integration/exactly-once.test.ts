import { Queue } from 'bullmq';
import type { Job } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { CrossSlotScripts } from '../../src/redis/cross-slot-scripts.js';
import { createKeys } from '../../src/redis/keys.js';
import { settleScript } from '../../src/bullmq/scripts.js';
import { ScriptRunner } from '../../src/redis/scripts.js';
import { ReceiptExpirer } from '../../src/workers/receipt-expirer.js';
import { JobSettler } from '../../src/workers/job-settler.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

test('the same idempotency key from two producers at once is applied once', async () => {
  const here = place();
  const key = here.key('count');
  // No worker yet, so neither producer can find the receipt of the other: both make a job.
  const submissions = await Promise.all(
    [here.producer(), here.producer()].map((producer) =>
      producer.counters.increment({ key, by: 5 }, { idempotencyKey: here.key('order-1') }),
    ),
  );
  expect(new Set(submissions.map(({ jobId }) => jobId)).size).toBe(2);
  await here.worker();
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
  expect(outcomes).toContainEqual({ status: 'applied', result: { value: 5, applied: 5 } });
  expect(outcomes).toContainEqual({ status: 'applied', result: { value: 5, applied: 5 }, duplicate: true });
  expect(await here.client.get(key)).toBe('5');
});

/** A settled job keeps its receipt for so long, in place of ten minutes. */
const SHORT_RECEIPTS = { lockDurationMs: 1_000, settledReceiptMs: 2_000 };

async function receiptEnded(here: Place, jobId: string): Promise<void> {
  await until('the receipt has ended', async () => (await here.client.exists(here.jobReceipt(jobId))) === 0);
}

test('an idempotency key is remembered after its job was removed', async () => {
  const here = place();
  const key = here.key('count');
  await here.worker(SHORT_RECEIPTS);
  const producer = here.producer();
  const first = await producer.counters.increment({ key, by: 5 }, { idempotencyKey: here.key('order-1') });
  await first.outcome();
  await receiptEnded(here, first.jobId);
  await openQueue(here, 'counters').obliterate({ force: true });

  const again = await producer.counters.increment({ key, by: 5 }, { idempotencyKey: here.key('order-1') });
  expect(await again.outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 }, duplicate: true });
  expect(again.id).toBe(first.id);
  expect(await here.client.get(key)).toBe('5');
});

test('any number of keys is looked up in one call: a script could hand on some thousands', async () => {
  const here = place();
  const producer = here.producer();
  const first = await producer.counters.increment({ key: here.key('n') }, { idempotencyKey: 'order-8999' });
  await here.worker();
  await first.outcome();
  const orders = Array.from({ length: 9_000 }, (_, number) => ({
    operation: 'counter.increment' as const,
    params: { key: here.key('n'), by: 2 },
    idempotencyKey: `order-${number}`,
  }));

  const refused = producer.submit(orders, { refuseConflicts: true });

  await expect(refused).rejects.toThrow(expect.objectContaining({ indexes: [8_999] }));
});

test('keys of several jobs that are looked up together are each answered for their own update', async () => {
  const here = place();
  const producer = here.producer();
  await here.worker();
  const key = here.key('n');
  const restock = (order: string) => producer.inventory.restock({ key, quantity: 10 }, { idempotencyKey: order });
  const count = (order: string) => producer.counters.increment({ key }, { idempotencyKey: order });
  const earlier = await Promise.all([restock('order-1'), count('order-2')]);
  await Promise.all(earlier.map((submission) => submission.outcome()));

  const submissions = await Promise.all(['order-1', 'order-2'].flatMap((order) => [restock(order), count(order)]));

  expect(submissions.map(({ isRepeat }) => isRepeat)).toEqual([true, false, false, true]);
});

test('the key that is given beside an update counts, and all else of the update is checked', async () => {
  const here = place();
  const producer = here.producer();
  const params = { key: here.key('count') };
  const own = { operation: 'counter.increment' as const, params, idempotencyKey: 'own' };
  const extra = { operation: 'counter.increment' as const, params, extra: 1 };

  const [first, again] = await Promise.all([
    producer.submit(own, { idempotencyKey: 'given' }),
    producer.submit({ ...own, idempotencyKey: 'given' }),
  ]);
  await here.worker();

  expect(await again.outcome()).toMatchObject({ duplicate: true });
  expect(await first.outcome()).toEqual({ status: 'applied', result: { value: 1, applied: 1 } });
  await expect(producer.submit(extra, { idempotencyKey: 'given' })).rejects.toThrow('extra');
});

test('an idempotency key with another payload is a conflict and changes nothing', async () => {
  const here = place();
  const key = here.key('count');
  const producer = here.producer();
  // Queued before any worker runs, so the script decides; then once more, found at submit.
  const early = [5, 6].map((by) => producer.counters.increment({ key, by }, { idempotencyKey: here.key('order-1') }));
  await here.worker();
  const outcomes = await Promise.all(early.map(async (submission) => (await submission).outcome()));
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['applied', 'conflict']);
  const late = await producer.counters.increment({ key, by: 7 }, { idempotencyKey: here.key('order-1') });
  expect(await late.outcome()).toMatchObject({ status: 'conflict', reason: 'IDEMPOTENCY_CONFLICT' });
  expect(['5', '6']).toContain(await here.client.get(key));
});

test.each([
  ['plainly', {}],
  ['with its attempts reset', { resetAttemptsMade: true, resetAttemptsStarted: true }],
])('a completed job that is retried by code %s applies nothing again and answers the same', async (_, options) => {
  const here = place();
  const key = here.key('count');
  await here.worker(SHORT_RECEIPTS);
  const submission = await here.producer().counters.increment({ key, by: 5 });
  await submission.outcome();
  const job = await settledJob(here, submission.jobId);
  await receiptEnded(here, submission.jobId);

  await job.retry('completed', options);
  await until('the job has completed once more', async () => (await job.getState()) === 'completed');
  expect(await here.client.get(key)).toBe('5');
  expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
});

test('a job that is sent to run again before it was settled keeps its receipt', async () => {
  const here = place();
  const worker = await here.worker();
  const submission = await here.producer().counters.increment({ key: here.key('count') });
  await submission.outcome();
  await settledJob(here, submission.jobId);
  await worker.close();
  await here.client.expire(here.jobReceipt(submission.jobId), 400 * 24 * 3600);
  await (await getJob(here, submission.jobId)).retry('completed');

  const settle = settleScript();
  const scripts = new ScriptRunner(here.client, [settle]);
  const settler = new JobSettler({
    scripts,
    settle,
    keys: createKeys(here),
    partition: here.partition,
    receipts: here.layout.receipts,
    expirer: new ReceiptExpirer({
      redis: here.client,
      keys: createKeys(here),
      crossSlot: new CrossSlotScripts(here.client),
      settledReceiptMs: 600_000,
      logger: here.logger,
    }),
    settledReceiptMs: 600_000,
    logger: here.logger,
  });
  settler.add({
    name: { prefix: here.partition.prefix, queue: 'counters', jobId: submission.jobId },
    otherName: undefined,
    state: 'completed',
    updates: 1,
    slots: [here.slot],
  });
  await settler.flush();
  expect(await here.client.ttl(here.jobReceipt(submission.jobId))).toBeGreaterThan(600);
});

test('settling cuts the life of a receipt to ten minutes', async () => {
  const here = place();
  await here.worker();
  const submission = await here.producer().counters.increment({ key: here.key('count') });
  await submission.outcome();
  await settledJob(here, submission.jobId);
  await until('the receipt is cut', async () => {
    const ttl = await here.client.ttl(here.jobReceipt(submission.jobId));
    return ttl > 0 && ttl <= 600;
  });
});

test('the failed update of a batch becomes a job of its own, which can be retried and is applied once', async () => {
  const here = place();
  const [good, bad] = [here.key('good'), here.key('bad')];
  await here.client.set(bad, 'not a number');
  await here.worker();
  const submissions = await here.producer().submit([
    { operation: 'counter.increment', params: { key: good } },
    { operation: 'counter.increment', params: { key: bad } },
    { operation: 'counter.increment', params: { key: good } },
  ]);
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
  expect(outcomes.map(({ status }) => status)).toEqual(['applied', 'failed', 'applied']);
  expect(outcomes[1]).toMatchObject({ reason: 'NOT_AN_INTEGER' });
  expect(await here.client.get(bad)).toBe('not a number');

  const putBack = await getJob(here, submissions[1].id);
  expect(await putBack.getState()).toBe('failed');
  expect(putBack.failedReason).toMatch(/^tally\/2 failed NOT_AN_INTEGER: .*nothing was applied$/);
  await here.client.set(bad, '7');
  await putBack.retry();
  await until('the retry has completed', async () => (await putBack.getState()) === 'completed');
  expect(await here.client.get(bad)).toBe('8');
  // The batch may put it back once more at any time, so its receipt is never cut.
  await settledJob(here, submissions[1].id);
  expect(await here.client.ttl(here.jobReceipt(submissions[1].id))).toBeGreaterThan(399 * 24 * 3600);

  // The batch itself once more: its receipt answers, and nothing is put back or applied a second time.
  await (await settledJob(here, submissions[0].jobId)).retry('completed');
  await until('the batch has completed again', async () => {
    return (await (await getJob(here, submissions[0].jobId)).getState()) === 'completed';
  });
  expect(await here.client.mget(good, bad)).toEqual(['2', '8']);
});

test('a batch of which every update failed applies nothing when it runs again after the cause is gone', async () => {
  const here = place();
  const bad = here.key('bad');
  await here.client.set(bad, 'not a number');
  await here.worker();
  const submissions = await here
    .producer()
    .submit([1, 2].map(() => ({ operation: 'counter.increment' as const, params: { key: bad } })));
  await Promise.all(submissions.map((submission) => submission.outcome()));
  await here.client.set(bad, '0');
  for (const { id } of submissions) {
    const putBack = await getJob(here, id);
    await putBack.retry();
    await until('the retry has completed', async () => (await putBack.getState()) === 'completed');
  }
  expect(await here.client.get(bad)).toBe('2');

  // As if the worker had died before it completed the batch: the batch runs again, and carries no mark.
  const batch = await settledJob(here, submissions[0]!.jobId);
  await here.client.hdel(`${here.partition.prefix}:counters:${submissions[0]!.jobId}`, 'progress');
  await batch.retry('completed');
  await until('the batch has completed again', async () => (await batch.getState()) === 'completed');
  expect(await here.client.get(bad)).toBe('2');
});

function openQueue(here: Place, name: string): Queue {
  const queue = new Queue(name, { connection: here.client, prefix: here.partition.prefix });
  onTestFinished(() => queue.close());
  return queue;
}

async function getJob(here: Place, jobId: string): Promise<Job> {
  const job = (await openQueue(here, 'counters').getJob(jobId)) as Job | undefined;
  if (job === undefined) {
    throw new Error(`no job ${jobId}`);
  }
  return job;
}

/** The job once the worker has left its mark on it. */
async function settledJob(here: Place, jobId: string): Promise<Job> {
  await until('the job is settled', async () => typeof (await getJob(here, jobId)).progress === 'object');
  return getJob(here, jobId);
}
