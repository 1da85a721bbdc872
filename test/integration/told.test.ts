import { expect, test } from 'vitest';
import { ended, jobOf, openQueue } from '../support/queues.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place, until } from '../support/tally.js';

/** What is told of an update is the same whoever asks, and stays true. */

const increment = (key: string, by = 5) => ({ operation: 'counter.increment' as const, params: { key, by } });
const APPLIED = { status: 'applied', result: { value: 5, applied: 5 } };
const keyed = (key: string) => ({ ...increment(key), idempotencyKey: 'order-7' });

test('a put-back update that was retried and applied is told as applied, also when its job was removed', async () => {
  const here = place();
  await here.worker();
  const producer = here.producer();
  await here.client.lpush(here.key('bad'), 'x');
  const [update] = await producer.submit([increment(here.key('bad')), increment(here.key('good'))]);
  expect(await update.outcome()).toMatchObject({ status: 'failed' });
  await here.client.del(here.key('bad'));
  const queue = openQueue(here);
  await (await ended(queue, update.id)).retry('failed');
  await until('it is completed', async () => (await queue.getJobState(update.id)) === 'completed');
  await until('it is settled', async () => (await jobOf(queue, update.id)).progress !== 0);
  expect((await producer.find(update.id))?.outcome).toEqual(APPLIED);

  await (await jobOf(queue, update.id)).remove();

  expect(await update.outcome()).toEqual(APPLIED);
  expect((await producer.find(update.id))?.outcome).toEqual(APPLIED);
});

test('a put-back update whose job was removed before it could be applied is told as failed', async () => {
  const here = place();
  await here.worker();
  const producer = here.producer();
  await here.client.lpush(here.key('bad'), 'x');
  const [update] = await producer.submit([increment(here.key('bad')), increment(here.key('good'))]);
  const outcome = await update.outcome();
  const queue = openQueue(here);
  await (await ended(queue, update.id)).remove();

  const failed = { status: 'failed', reason: 'WRONG_TYPE' };
  expect(outcome).toMatchObject(failed);
  expect(await update.outcome()).toMatchObject(failed);
  expect((await producer.find(update.id))?.outcome).toMatchObject(failed);
});

test('an idempotency key is one of its operation and of its owner', async () => {
  const here = place();
  await here.worker();
  const [stock, xp] = [here.key('stock'), here.key('xp')];
  await here.client.set(stock, 100);
  const producer = here.producer();
  const take = { operation: 'inventory.take' as const, params: { key: stock, quantity: 5 }, idempotencyKey: 'order-7' };
  const award = { operation: 'xp.award' as const, params: { key: xp, amount: 50 }, idempotencyKey: 'order-7' };
  const submissions = [
    ...(await producer.submit([take, award])),
    ...(await producer.submit([take, award], { idempotencyOwner: 'shop: 1' })),
    ...(await here.producer({ idempotencyOwner: 'shop: 1' }).submit([take, award])),
    ...(await producer.submit([take], { idempotencyOwner: 'shop: 2' })),
    ...(await here.producer().submit([take], { idempotencyOwner: '' })),
  ];

  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));

  expect(outcomes.map((outcome) => 'duplicate' in outcome)).toEqual([
    ...[false, false],
    ...[false, false],
    ...[true, true],
    ...[false, true],
  ]);
  expect(await here.client.mget(stock, xp)).toEqual(['85', '100']);
});

test('an owner that can not be shown, or is too long, is refused', () => {
  const here = place();
  expect(() => here.producer({ idempotencyOwner: 'a\nb' })).toThrow(
    /idempotencyOwner: must not hold control characters/,
  );
  expect(() => here.producer({ idempotencyOwner: 'x'.repeat(101) })).toThrow(/idempotencyOwner: .*100/);
});

test('an update sent again is a duplicate also when it, or the version that sent it first, names a default', async () => {
  const here = place();
  await here.worker();
  const producer = here.producer();
  const params = { key: here.key('stock'), quantity: 1 };
  const submit = (each: object) =>
    producer.submit({ operation: 'inventory.take', params: { ...params, ...each } }, { idempotencyKey: 'k' });
  await (await submit({})).outcome();

  expect(await (await submit({ whenShort: 'floor' })).outcome()).toMatchObject({ duplicate: true });
  expect(await (await submit({ whenShort: 'reject' })).outcome()).toMatchObject({ status: 'conflict' });
});

test.each([
  [undefined, 4],
  [4, undefined],
  [4, 8],
] as const)('a key is remembered when the number of partitions changes from %s to %s', async (before, after) => {
  const here = place();
  skipUnlessOneServer('a Cluster always has partitions, and its receipts lie in slots');
  await here.worker();
  await here.worker({ partitions: 8 });
  const [old, recent] = [before, after].map((partitions) => here.producer({ partitions }));

  expect(await (await old!.submit(keyed(here.key('a')))).outcome()).toEqual(APPLIED);
  expect(await (await recent!.submit(keyed(here.key('a')))).outcome()).toEqual({ ...APPLIED, duplicate: true });
  expect(await (await recent!.submit(keyed(here.scattered('b')))).outcome()).toMatchObject({ status: 'conflict' });

  expect(await here.client.get(here.key('a'))).toBe('5');
});
