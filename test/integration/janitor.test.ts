import { expect, onTestFinished, test, vi } from 'vitest';
import { openQueue } from '../../src/jobs/queues.js';
import { RedisClock } from '../../src/redis/clock.js';
import { Janitor } from '../../src/workers/janitor.js';
import { takeUpPutOffJobs } from '../../src/workers/put-off-jobs.js';
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
  const completed = `${here.partition.prefix}:counters:completed`;
  await until('both are completed', async () => (await here.client.zcard(completed)) === 2);
  const dayAgoMs = Date.now() - 25 * 3_600_000;
  await here.client.zadd(completed, dayAgoMs, old!.jobId);
  await here.client.hset(`${here.partition.prefix}:counters:${old!.jobId}`, 'finishedOn', String(dayAgoMs));

  const queue = openQueue('counters', here.partition.prefix, here.client, here.logger);
  const clock = new RedisClock(here.client, here.logger);
  await clock.sample();
  const janitor = new Janitor([queue], { redis: here.client, clock, logger: here.logger });
  onTestFinished(() => {
    janitor.close();
    clock.close();
  });
  await janitor.clean();
  expect(await here.client.zrange(completed, '0', '-1')).toEqual([recent!.jobId]);
  expect(await here.client.exists(`${here.partition.prefix}:counters:${old!.jobId}`)).toBe(0);
});

test('a retry that a worker with a clock minutes ahead has put off is taken up in time by another', async () => {
  const here = place();
  const submission = await here.producer().counters.increment({ key: here.key('n') });
  // A user that may not write the counter yet: an error of Redis, so the job is tried again.
  const user = `user-${here.namespace}`;
  const servers = 'nodes' in here.client ? here.client.nodes() : here.client.masters();
  const rules = ['on', '>secret', `~${here.prefix}*`, `~${here.namespace}*`, '&*', '+@all'];
  await Promise.all(servers.map((server) => server.acl('SETUSER', user, ...rules)));
  onTestFinished(async () => {
    await Promise.all(servers.map((server) => server.acl('DELUSER', user)));
  });
  const { now } = Date;
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + 5 * 60_000);
  onTestFinished(() => {
    clock.mockRestore();
  });
  const ahead = await here.worker({ redis: here.redis.replace('://', `://${user}:secret@`) });
  const delayed = `${here.partition.prefix}:counters:delayed`;
  await until('the job is to be tried again', async () => (await here.client.zcard(delayed)) === 1);
  await ahead.close();
  clock.mockRestore();
  const [, score] = await here.client.zrange(delayed, '0', '-1', 'WITHSCORES');
  expect(Number(score) / 0x1000 - Date.now(), 'ms until it is due').toBeGreaterThan(4 * 60_000);

  await here.worker();
  expect(await submission.outcome({ timeoutMs: 15_000 })).toEqual({ status: 'applied', result: { value: 1 } });
});

test('a job that was delayed on purpose is left alone', async () => {
  const here = place();
  await here.worker({ queues: ['counters'] });
  const queue = openQueue('counters', here.partition.prefix, here.client, here.logger);
  const job = await queue.add(
    'counter.increment',
    { updates: [{ key: here.key('n'), by: 1 }] },
    { delay: 3_600_000, jobId: `delayed-${here.namespace}` },
  );
  expect(await takeUpPutOffJobs(queue, here.client, Date.now())).toEqual([]);
  expect(await job.isDelayed()).toBe(true);
});
