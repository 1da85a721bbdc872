import { expect, onTestFinished, test } from 'vitest';
import { openQueue } from '../../src/jobs/queues.js';
import { Janitor } from '../../src/workers/janitor.js';
import { place, until } from '../support/tally.js';

test('the janitor removes completed jobs that are older than a day, and keeps the others', async () => {
  const here = place();
  await here.worker({ queues: ['counters'] });
  const producer = here.producer({ maxBatch: 1 });
  const submissions = await producer.submit(
    [1, 2].map(() => ({ operation: 'counter.increment' as const, params: { key: here.key('n') } })),
  );
  await Promise.all(submissions.map((submission) => submission.outcome()));
  const [old, recent] = submissions;
  const completed = `${here.prefix}:counters:completed`;
  await until('both are completed', async () => (await here.client.zcard(completed)) === 2);
  const dayAgoMs = Date.now() - 25 * 3_600_000;
  await here.client.zadd(completed, dayAgoMs, old!.jobId);
  await here.client.hset(`${here.prefix}:counters:${old!.jobId}`, 'finishedOn', String(dayAgoMs));

  const queue = openQueue('counters', here.prefix, here.client, here.logger);
  const janitor = new Janitor([queue], here.logger);
  onTestFinished(() => {
    janitor.close();
  });
  await janitor.clean();
  expect(await here.client.zrange(completed, '0', '-1')).toEqual([recent!.jobId]);
  expect(await here.client.exists(`${here.prefix}:counters:${old!.jobId}`)).toBe(0);
});
