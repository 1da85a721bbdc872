import { Queue, Worker } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { FORM } from '../../src/jobs/form.js';
import { JobDelays } from '../../src/workers/delay-if-transient.js';
import { ownRedis, place } from '../support/tally.js';

test('a job of a newer form that is put off while Redis refuses writes has made no attempt', async () => {
  const { url } = await ownRedis();
  const { client, logger } = place(url);
  const connection = { port: Number(new URL(url).port) };
  const queue = new Queue('counters', { connection });
  const worker = new Worker('counters', undefined, { connection, autorun: false });
  onTestFinished(async () => {
    await Promise.all([queue.close(), worker.close()]);
  });
  const { id } = await queue.add('counter.increment', { v: FORM + 1 }, { attempts: 3 });
  const job = await worker.getNextJob('token');
  const delays = new JobDelays({ redis: client, metrics: undefined, logger });

  await client.config('SET', 'min-replicas-to-write', '1');
  await expect(delays.ifNewer(job, 'token')).rejects.toMatchObject({ name: 'DelayedError' });
  await client.config('SET', 'min-replicas-to-write', '0');

  expect(await queue.getJob(id!)).toMatchObject({ attemptsMade: 0 });
  expect(await job.getState()).toBe('active'); // until its lock has ended
});
