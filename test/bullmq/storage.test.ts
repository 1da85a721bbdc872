import { expect } from 'vitest';
import { delayedUntil, failedJobs, nextDelayed, waitingJobs } from '../../src/bullmq/job-ids.js';
import { jobKey, jobLockKey, jobSetKey } from '../../src/bullmq/queue-keys.js';
import { countJobs, readQueueLimits, readLongestWaiting } from '../../src/bullmq/queue-state.js';
import { addedDelayMs, parseStored, readStoredData, readStoredJob, storedText } from '../../src/bullmq/stored-job.js';
import { ended } from '../support/queues.js';
import { until } from '../support/tally.js';
import { begin, fact, startWorker } from './facts.js';

const SETS = ['waiting', 'active', 'prioritized', 'delayed', 'completed', 'failed'] as const;

fact('jobs stand in one list or sorted set for each state', { lookAt: 'src/bullmq/queue-keys.ts' }, async () => {
  const { here, queue, at } = begin();
  await queue.add('fails', {}, { jobId: 'bad' });
  await queue.add('ends', {}, { jobId: 'good' });
  const worker = await startWorker(here, ({ name }) =>
    name === 'fails' ? Promise.reject(new Error('no')) : Promise.resolve(),
  );
  await Promise.all([ended(queue, 'bad'), ended(queue, 'good')]);
  await worker.close();
  await queue.add('waits', {}, { jobId: 'first' });
  await queue.add('waits', {}, { jobId: 'second' });
  await queue.add('waits', {}, { priority: 3, jobId: 'third' });
  await queue.add('waits', {}, { delay: 60_000, jobId: 'fourth' });
  const holder = await startWorker(here, () => new Promise(() => undefined), { concurrency: 1 });
  await until('a job runs', async () => (await queue.getActiveCount()) === 1);
  await holder.pause(true);

  const { waiting, prioritized, active, delayed, completed, failed } = await countJobs(here.client, at, SETS);
  expect({ waiting, prioritized, active, delayed, completed, failed }).toEqual({
    waiting: 1,
    prioritized: 1,
    active: 1,
    delayed: 1,
    completed: 1,
    failed: 1,
  });
  expect(await here.client.lrange(jobSetKey(at, 'active'), 0, -1)).toEqual(['first']);
  expect(await failedJobs(here.client, at)).toEqual(['bad']);
  expect(await waitingJobs(here.client, at)).toEqual(['second', 'third', 'fourth']);
});

fact('a queue that is paused says so in its settings', { lookAt: 'src/bullmq/queue-keys.ts' }, async () => {
  const { here, queue, at } = begin();
  await queue.add('waits', {});
  expect(await readQueueLimits(here.client, at)).toEqual({ isPaused: false });
  await queue.pause();
  expect(await readQueueLimits(here.client, at)).toEqual({ isPaused: true });
  expect(await countJobs(here.client, at, ['waiting'])).toEqual({ waiting: 1 });
});

fact('limits of a queue stand in its settings', { lookAt: 'src/bullmq/queue-state.ts' }, async () => {
  const { here, queue, at } = begin();
  await queue.setGlobalRateLimit(3, 60_000);
  await queue.setGlobalConcurrency(2);
  expect(await readQueueLimits(here.client, at)).toEqual({
    isPaused: false,
    rateLimit: { jobs: 3, perMs: 60_000 },
    concurrency: 2,
  });
});

const JOB_FIELDS = [
  ...(['name', 'data', 'options', 'addedAtMs', 'attemptsStarted', 'attemptsMade'] as const),
  ...(['returned', 'endedAtMs', 'failedReason', 'progress'] as const),
];

fact('the fields of a job tell all that BullMQ knows of it', { lookAt: 'src/bullmq/stored-job.ts' }, async () => {
  const { here, queue, at } = begin();
  const data = { v: 1, text: 'é "/" \u2028', nested: [{ b: 1, a: null }], gone: undefined };
  await queue.add('a name', data, { jobId: 'j', attempts: 2, backoff: 1, delay: 5 });
  let attempts = 0;
  await startWorker(here, async (job) => {
    await job.updateProgress({ kept: true });
    attempts += 1;
    return attempts === 1 ? Promise.reject(new Error('the first')) : { done: 'yes' };
  });
  const job = await ended(queue, 'j');
  const stored = await readStoredJob(here.client, jobKey(at, 'j'), JOB_FIELDS);

  expect(stored).toMatchObject({
    name: 'a name',
    data: storedText(data),
    attemptsStarted: '2',
    attemptsMade: '2',
    returned: '{"done":"yes"}',
    failedReason: 'the first',
    progress: '{"kept":true}',
  });
  expect([stored.addedAtMs, stored.endedAtMs].map(Number)).toEqual([job.timestamp, job.finishedOn]);
  expect(addedDelayMs(stored)).toBe(5);
  expect(await readStoredData(here.client, jobKey(at, 'j'))).toBe(storedText(data));
  expect(parseStored(stored.progress)).toEqual(job.progress);
});

fact(
  'a job that is made to run again keeps its progress, and neither its return value nor its end',
  { lookAt: 'lua/settle.lua and src/bullmq/stored-job.ts' },
  async () => {
    const { here, queue, at } = begin();
    await queue.add('ends', {}, { jobId: 'j' });
    const worker = await startWorker(here, async (job) => {
      await job.updateProgress({ kept: true });
    });
    const job = await ended(queue, 'j');
    await worker.close();
    await job.retry('completed');

    const { returned, endedAtMs, progress } = await readStoredJob(here.client, jobKey(at, 'j'), JOB_FIELDS);
    expect({ returned, endedAtMs, progress }).toEqual({ returned: null, endedAtMs: null, progress: '{"kept":true}' });
  },
);

fact('adding a known id changes nothing', { lookAt: 'docs/protocol.md and src/producers/sender.ts' }, async () => {
  const { here, queue, at } = begin();
  await queue.add('first', { n: 1 }, { jobId: 'j' });
  await queue.addBulk([{ name: 'second', data: { n: 2 }, opts: { jobId: 'j' } }]);
  const { name, data } = await readStoredJob(here.client, jobKey(at, 'j'), ['name', 'data']);
  expect({ name, data }).toEqual({ name: 'first', data: '{"n":1}' });
  expect(await countJobs(here.client, at, ['waiting'])).toEqual({ waiting: 1 });
});

fact(
  'the job that has waited longest is the last of its list, and the first of the lowest priority in the sorted set',
  { lookAt: 'src/bullmq/queue-state.ts' },
  async () => {
    const { here, queue, at } = begin();
    const add = (name: string, priority: number) =>
      queue.add('waits', { name }, { jobId: name, timestamp: 1_000, ...(priority > 0 && { priority }) });
    for (const [name, priority] of [...Array(6).keys()].map((n) => [`plain-${n}`, 0] as const)) {
      await add(name, priority);
    }
    await add('middle', 200_000);
    await add('low-first', 200_001);
    await add('low-second', 200_001);
    await add('high-first', 2);
    await add('high-second', 2);

    const found = await readLongestWaiting(here.client, at);
    expect(found.map(({ data }) => (JSON.parse(data) as { name: string }).name).sort()).toEqual([
      ...['high-first', 'low-first', 'plain-0', 'plain-1', 'plain-2'],
    ]);
    expect(found.every(({ sinceMs }) => sinceMs === 1_000)).toBe(true);
  },
);

fact('the score of a delayed job tells when it is due', { lookAt: 'src/bullmq/job-ids.ts' }, async () => {
  const { here, queue, at } = begin();
  const dueMs = Date.now() + 3_600_000;
  for (const [jobId, delay] of [['at', 3_600_000] as const, ['before', 3_599_999] as const]) {
    await queue.add('waits', {}, { jobId, delay, timestamp: dueMs - 3_600_000 });
  }
  await queue.add('waits', {}, { jobId: 'as well', delay: 3_600_000, timestamp: dueMs - 3_600_000 });

  expect(await delayedUntil(here.client, at, dueMs, 10)).toEqual(['at', 'as well']);
  expect(await delayedUntil(here.client, at, dueMs + 1, 10)).toEqual([]);
  expect(await nextDelayed(here.client, at, 1)).toEqual(['before']);
});

fact('a job has a lock as long as a worker has it', { lookAt: 'src/bullmq/queue-keys.ts' }, async () => {
  const { here, queue, at } = begin();
  await queue.add('runs', {}, { jobId: 'j' });
  let held = 0;
  await startWorker(here, async () => {
    held = await here.client.exists(jobLockKey(at, 'j'));
  });
  await ended(queue, 'j');
  expect(held).toBe(1);
  expect(await here.client.exists(jobLockKey(at, 'j'))).toBe(0);
});
