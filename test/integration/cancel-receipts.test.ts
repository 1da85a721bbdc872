import { expect, test } from 'vitest';
import { ended, openQueue } from '../support/queues.js';
import { keysLike, place, until } from '../support/tally.js';

const HOUR = 3_600_000;

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key } });

test('no receipt of an update that was cancelled outlives its job for long', async () => {
  const here = place();
  const producer = here.producer();
  const submission = await producer.submit(increment(here.key('n')), { delay: HOUR });
  await producer.cancel(submission.id);
  const receipts = () => keysLike(here, `${here.namespace}*:job:*${submission.jobId}*`);
  const names = await receipts();
  expect(names.length, 'under both names that it may have').toBe(2);
  await here.worker({ lockDurationMs: 500, settledReceiptMs: 10_000 });
  await ended(openQueue(here), submission.jobId);
  await until('both are shortened', async () => {
    const lives = await Promise.all(names.map((name) => here.client.ttl(name)));
    return lives.every((life) => life <= 10);
  });
  expect(await producer.find(submission.id)).toMatchObject({ outcome: { status: 'cancelled' } });
});

test('a receipt outlives what a request to cancel may linger, however short receipts are to live', async () => {
  const here = place();
  await here.worker({ lockDurationMs: 500, settledReceiptMs: 1_000 });
  const submission = await here.producer().submit(increment(here.key('n')), { priority: 1 });
  const receipt = here.jobReceipt(submission.jobId);
  const endsAt = "local now = redis.call('TIME') return now[1] * 1000 + now[2] / 1000 + redis.call('PTTL', KEYS[1])";
  let endsAtMs = Infinity;
  await until('its receipt is shortened', async () => {
    const isThere = (await here.client.pttl(receipt)) > 0;
    endsAtMs = isThere ? ((await here.client.eval(endsAt, 1, receipt)) as number) : Infinity;
    return endsAtMs < Date.now() + 24 * HOUR;
  });
  const settledAtMs = await here.client.zscore(`${here.partition.prefix}:counters:completed`, submission.jobId);
  expect(endsAtMs - Number(settledAtMs)).toBeGreaterThan(3_000);
});
