import { expect, test } from 'vitest';
import { Partitions } from '../../src/layout/partitions.js';
import { openQueue } from '../../src/jobs/queues.js';
import { createRegistry } from '../../src/operations/registry.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { slotOf } from '../../src/redis/slots.js';
import { monitor } from '../support/monitor.js';
import { keysLike, ownRedis, place, until } from '../support/tally.js';

/** One, so that updates of all slots share a job; on one server as in a Cluster. */
const partitions = 1;

test('on one server a job of a split queue is one script call with one receipt, whatever slots its keys lie in', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  const [first, second] = [here.scattered('first'), here.scattered('second')];
  expect(slotOf(first)).not.toBe(slotOf(second));
  const submissions = await here
    .producer({ partitions })
    .submit([first, second].map((key) => ({ operation: 'counter.increment' as const, params: { key } })));
  expect(new Set(submissions.map(({ jobId }) => jobId)).size).toBe(1);
  let calls = 0;
  const { sha } = applyScript(createRegistry());
  await monitor(here.client.masters()[0]!, ([name, called]) => {
    calls += name === 'evalsha' && called === sha ? 1 : 0;
  });

  await here.worker({ partitions });
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));

  expect(outcomes.map(({ status }) => status)).toEqual(['applied', 'applied']);
  expect(calls).toBe(1);
  const [{ prefix }] = new Partitions(here.prefix, partitions).all;
  expect(await keysLike(here, `${here.namespace}*:job:*`)).toEqual([
    `${here.namespace}:job:${prefix}:counters:${submissions[0]!.jobId}`,
  ]);
});

test('on one server an update of a split queue may have keys in any slots', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  const [first, second] = [here.scattered('first'), here.scattered('second')];
  await here.worker({ partitions: 4 });
  const updates = [first, second].map((key) => ({ operation: 'counter.increment' as const, params: { key } }));

  const submission = await here
    .producer({ partitions: 4 })
    .submit({ operation: 'transaction', params: { updates }, idempotencyKey: 'once' });

  expect(await submission.outcome()).toMatchObject({ status: 'applied' });
  expect(await here.client.mget(first, second)).toEqual(['1', '1']);
  expect(await here.client.exists(`${here.namespace}:idem::transaction:once`)).toBe(1);
});

test('a batch that runs again does not apply the update that it put back, also when that is alone in its slot', async () => {
  const here = place();
  const [good, bad] = [here.scattered('good'), here.scattered('bad')];
  expect(slotOf(good)).not.toBe(slotOf(bad));
  await here.client.set(bad, 'not a number');
  const worker = await here.worker({ partitions });
  const submissions = await here
    .producer({ partitions })
    .submit([good, bad].map((key) => ({ operation: 'counter.increment' as const, params: { key } })));
  const [first, second] = await Promise.all(submissions.map((submission) => submission.outcome()));
  expect([first?.status, second?.status]).toEqual(['applied', 'failed']);

  // As if the worker had died before it completed the batch.
  const [{ prefix }] = new Partitions(here.prefix, partitions).all;
  const queue = openQueue('counters', prefix, here.client, here.logger);
  const batchId = submissions[0]!.jobId;
  const isMarked = async () => (await here.client.hexists(queue.toKey(batchId), 'progress')) === 1;
  await until('the batch is marked as settled', isMarked);
  await worker.close();
  await here.client.hdel(queue.toKey(batchId), 'progress');
  await (await queue.getJob(batchId))!.retry('completed');
  await here.client.set(bad, '5'); // what made it fail is gone
  await here.worker({ partitions });
  await until('the batch is settled again', isMarked);
  expect([await here.client.get(good), await here.client.get(bad)]).toEqual(['1', '5']);

  const putBack = (await queue.getJob(submissions[1]!.id))!;
  await putBack.retry();
  await until('the update that was put back takes effect', async () => (await here.client.get(bad)) === '6');
});
