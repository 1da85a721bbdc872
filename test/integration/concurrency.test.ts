import { expect, test } from 'vitest';
import { ValidationError } from '../../src/index.js';
import { place } from '../support/tally.js';

test.each([1, 256])('200 concurrent submitters on one key give the exact total (maxBatch %i)', async (maxBatch) => {
  const here = place();
  const key = here.key('count');
  await here.worker();
  const producers = [here.producer({ maxBatch }), here.producer({ maxBatch })];
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, async (_, caller) => {
      const producer = producers[caller % 2]!;
      const values: number[] = [];
      for (let turn = 0; turn < 5; turn += 1) {
        const submission = await producer.counters.increment({ key, by: caller + 1 });
        const outcome = await submission.outcome();
        values.push(outcome.status === 'applied' ? outcome.result.value : Number.NaN);
      }
      return values;
    }),
  );
  expect(await here.client.get(key)).toBe(String((5 * 200 * 201) / 2));
  // Each update saw a value of its own: none was lost, none applied twice.
  expect(new Set(outcomes.flat()).size).toBe(1_000);
});

test('stock never falls below zero while 200 buyers take it at once, and exactly what is there is sold', async () => {
  const here = place();
  const key = here.key('stock');
  await here.client.set(key, 100);
  const workers = await Promise.all([here.worker(), here.worker()]);
  const producer = here.producer({ maxBatch: 8 });
  const seen: number[] = [];
  const sale = { open: true };
  const watching = (async () => {
    while (sale.open) {
      seen.push(Number(await here.client.get(key)));
    }
  })();
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const submission = await producer.inventory.take({ key, quantity: 1, whenShort: 'reject' });
      return submission.outcome();
    }),
  );
  sale.open = false;
  await watching;
  expect(outcomes.filter(({ status }) => status === 'applied')).toHaveLength(100);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(100);
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(0);
  expect(await here.client.get(key)).toBe('0');
  expect(workers).toHaveLength(2);
});

test('of several updates all are queued or none', async () => {
  const here = place();
  const producer = here.producer();
  const attempt = producer.submit([
    { operation: 'counter.increment', params: { key: here.key('count') } },
    { operation: 'counter.increment', params: { key: here.key('count'), by: 0.5 } },
    { operation: 'counter.increment', params: { key: 'tally:stolen' } },
  ]);
  const error: unknown = await attempt.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ValidationError);
  expect((error as ValidationError).issues.map(({ path, code }) => [path, code])).toEqual([
    ['[1].params.by', 'INVALID_PARAMS'],
  ]);
  expect(await here.client.exists(`${here.partition.prefix}:counters:wait`)).toBe(0);
});

test('delay and priority give an update a job of its own', async () => {
  const here = place();
  const producer = here.producer();
  const updates = [1, 2, 3].map((by) => ({
    operation: 'counter.increment' as const,
    params: { key: here.key('count'), by },
  }));
  const delayed = await producer.submit(updates, { delay: 60_000 });
  const urgent = await producer.submit(updates, { priority: 1 });
  expect(new Set([...delayed, ...urgent].map(({ jobId }) => jobId)).size).toBe(6);
  expect(await here.client.zcard(`${here.partition.prefix}:counters:delayed`)).toBe(3);
  expect(await here.client.zcard(`${here.partition.prefix}:counters:prioritized`)).toBe(3);
});

test('what is submitted in one turn of the event loop leaves as one job', async () => {
  const here = place();
  const producer = here.producer();
  const submissions = await Promise.all(
    Array.from({ length: 100 }, () => producer.counters.increment({ key: here.key('count') })),
  );
  const jobs = new Set(submissions.map(({ jobId }) => jobId));
  expect(jobs.size).toBe(1);
  await here.worker();
  await Promise.all(submissions.map((submission) => submission.outcome()));
  expect(await here.client.get(here.key('count'))).toBe('100');
});

test('a misspelt option stops the program with the nearest known one', () => {
  const here = place();
  expect(() => here.producer({ maxBach: 10 } as object)).toThrow(/unknown option "maxBach"; did you mean "maxBatch"\?/);
  expect(() => here.producer({ maxBatch: 0 })).toThrow(/maxBatch/);
});
