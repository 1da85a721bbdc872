import { expect, test } from 'vitest';
import { ValidationError } from '../../src/index.js';
import { slotOf } from '../../src/redis/slots.js';
import { startWorkerProcess } from '../support/child.js';
import { clusterOfThisFile } from '../support/cluster-of-this-file.js';
import { jobOf, openQueue } from '../support/queues.js';
import { place } from '../support/tally.js';

/** The part of the tests against a Cluster that `npm test` runs; `npm run test:cluster` runs all. */
const cluster = clusterOfThisFile();

const applied = (result: unknown) => ({ status: 'applied', result });

test('every operation works, those on several keys when these share a hash tag', async () => {
  const here = place(cluster.url);
  await here.worker();
  const producer = here.producer();
  const { counters, inventory, xp, scores } = producer;
  const key = (name: string) => here.scattered(name);
  const [a, b] = [key('{cart}:a'), key('{cart}:b')];
  const submissions = [
    await counters.increment({ key: key('count'), by: 5 }),
    await counters.decrement({ key: key('seats'), by: 2 }),
    await inventory.restock({ key: key('stock'), quantity: 3 }),
    await inventory.take({ key: key('none'), quantity: 2 }),
    await xp.award({ key: key('ada'), field: 'xp', amount: 20 }),
    await scores.add({
      entries: [
        { key: key('board'), member: 'ada', by: 5 },
        { key: key('board'), member: 'bo', by: 3 },
      ],
    }),
  ];
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
  expect(outcomes).toEqual([
    applied({ value: 5, applied: 5 }),
    applied({ value: -2, applied: 2 }),
    applied({ available: 3 }),
    applied({ available: 0, taken: 0 }),
    applied({ xp: 20 }),
    applied({
      scores: [
        { key: key('board'), member: 'ada', value: 5 },
        { key: key('board'), member: 'bo', value: 3 },
      ],
    }),
  ]);

  for (const item of [a, b]) {
    await (await inventory.restock({ key: item, quantity: 2 })).outcome();
  }
  const cart = await inventory.takeAll({
    items: [
      { key: a, quantity: 1 },
      { key: b, quantity: 2 },
    ],
  });
  expect(await cart.outcome()).toEqual(
    applied({
      items: [
        { key: a, available: 1 },
        { key: b, available: 0 },
      ],
    }),
  );
  const sale = await producer.submit({
    operation: 'transaction',
    params: {
      updates: [
        { operation: 'inventory.take', params: { key: a, quantity: 1, whenShort: 'reject' } },
        { operation: 'counter.increment', params: { key: key('{cart}:sales') } },
      ],
    },
  });
  expect(await sale.outcome()).toEqual(
    applied({
      results: [
        { available: 0, taken: 1 },
        { value: 1, applied: 1 },
      ],
    }),
  );
});

test('an update whose keys lie in several slots is refused at submit, and nothing of it is queued', async () => {
  const here = place(cluster.url);
  const { inventory } = here.producer();
  const items = ['a', 'b'].map((name) => ({ key: here.scattered(name), quantity: 1 }));
  const error: unknown = await inventory.takeAll({ items }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ValidationError);
  expect((error as ValidationError).issues).toMatchObject([
    { code: 'CROSS_SLOT', message: expect.stringContaining('{') as string },
  ]);
});

test('a batch over many slots has its outcomes in order, what can not be applied among them, and exact totals', async () => {
  const here = place(cluster.url);
  await here.worker();
  const keys = Array.from({ length: 60 }, (_, index) => here.scattered(`n${index}`));
  expect(new Set(keys.map(slotOf)).size).toBeGreaterThan(50);
  await here.client.set(keys[7]!, 'not a number');
  const updates = Array.from({ length: 600 }, (_, index) => ({
    operation: 'counter.increment' as const,
    params: { key: keys[index % 60]!, by: 1 + Math.floor(index / 60), max: 50 },
  }));

  const submissions = await here.producer().submit(updates);
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));

  // Each key gets 1, 2, ... 10: 9 of these make 45, and the last would pass the limit.
  const sumOf = (count: number) => (count * (count + 1)) / 2;
  for (const [index, outcome] of outcomes.entries()) {
    const turn = Math.floor(index / 60);
    if (index % 60 === 7) {
      expect(outcome).toMatchObject({ status: 'failed', reason: 'NOT_AN_INTEGER' });
    } else if (turn === 9) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: 'LIMIT_REACHED' });
    } else {
      expect(outcome).toEqual(applied({ value: sumOf(turn + 1), applied: turn + 1 }));
    }
  }
  const values = await Promise.all(keys.map((key) => here.client.get(key)));
  expect(values).toEqual(keys.map((_, index) => (index === 7 ? 'not a number' : '45')));
});

test('what a worker had applied when it was killed is not applied again by the next', async () => {
  const here = place(cluster.url);
  const timing = { lockDurationMs: 1_000, stalledIntervalMs: 500 };
  const dying = await startWorkerProcess(here, 'after-script', timing);
  const keys = Array.from({ length: 40 }, (_, index) => here.scattered(`n${index}`));
  const submissions = await here
    .producer()
    .submit(keys.map((key) => ({ operation: 'counter.increment' as const, params: { key, by: 7 } })));
  expect(await dying.ended).toBe('SIGKILL');
  expect((await Promise.all(keys.map((key) => here.client.get(key)))).includes('7')).toBe(true);

  await here.worker(timing);
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
  expect(outcomes).toEqual(keys.map(() => applied({ value: 7, applied: 7 })));
  expect(await Promise.all(keys.map((key) => here.client.get(key)))).toEqual(keys.map(() => '7'));
});

test('a key whose name sounds like a lost connection is no reason to try again', async () => {
  const here = place(cluster.url);
  await here.worker();
  const key = here.key('RECONNECTS');
  await here.client.hset(key, 'field', 'text');
  const submission = await here.producer().counters.increment({ key });
  expect(await submission.outcome()).toMatchObject({ status: 'failed', reason: 'WRONG_TYPE' });
  expect(await jobOf(openQueue(here), submission.jobId)).toMatchObject({ attemptsMade: 1 });
});
