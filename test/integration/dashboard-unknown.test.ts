import { UnrecoverableError } from 'bullmq';
import { expect, test } from 'vitest';
import { boardName } from '../../dashboard/board/board-name.js';
import type { JobData } from '../../src/jobs/job-data.js';
import { board, boardPath } from '../support/board.js';
import { foreignWorker } from '../support/queues.js';
import { place, until } from '../support/tally.js';

/** How the board shows jobs of which it is not known whether they took effect, and how it does not show others. */

test('a job that another program completed is told as unknown, and can be retried', async () => {
  const here = place();
  const [{ request, job, queues }, producer] = [await board(here), here.producer()];
  const foreign = await foreignWorker(here, 'counters', () => Promise.resolve({ done: true }));
  const { jobId } = await producer.counters.increment({ key: here.key('count'), by: 5 });
  await until('it took the job', async () => (await job('counters', jobId)).status === 'completed');
  await foreign.close();

  const { job: shown } = await job('counters', jobId);
  const [listed] = (await queues('counters')).filter(({ name }) => name === boardName('counters', here.partition));
  const put = (action: string) =>
    request(`/ops/queues/api/queues/${boardPath(here, 'counters')}/${action}`, { method: 'PUT' });
  const refused = await put('clean/completed');
  const retried = await put(`${jobId}/retry`);
  await here.worker();

  const unknown = { status: 'unknown', reason: 'FOREIGN_WORKER' };
  expect(shown).toMatchObject({ returnValue: { ...unknown, returned: { done: true } }, isFailed: true });
  expect(shown.failedReason).toMatch(
    /^unknown FOREIGN_WORKER: .* completed the job with \{"done":true\}; a retry applies it/,
  );
  expect(listed).toMatchObject({ allowRetries: true, jobs: [{ isFailed: true }] });
  expect([refused.status, await refused.text()]).toEqual([
    409,
    expect.stringContaining(
      '1 job that another program completed was not applied: retry or remove them at /ops/failures',
    ),
  ]);
  expect(retried.status).toBe(204);
  await until('it is applied', async () => (await here.client.get(here.key('count'))) === '5');
  await until('it is completed', async () => (await job('counters', jobId)).status === 'completed');
  expect((await job('counters', jobId)).job).toMatchObject({ isFailed: false, returnValue: { status: 'applied' } });
  expect((await put('clean/completed')).status).toBe(200);
});

test('what another program failed, and what is too old, says so in plain words', async () => {
  const here = place();
  const { job } = await board(here);
  const producer = here.producer({ idempotencyWindowMs: 1_000 });
  const old = await producer.counters.increment({ key: here.key('n') }, { idempotencyKey: here.key('k') });
  const { sentAtMs = 0 } = JSON.parse(
    (await here.client.hget(`${here.partition.prefix}:counters:${old.jobId}`, 'data')) ?? '',
  ) as JobData;
  await until('the window is over', async () => Number((await here.client.time())[0]) * 1000 > sentAtMs + 1_000);
  await here.worker({ queues: ['counters'] });
  expect(await old.outcome()).toMatchObject({ status: 'unknown', reason: 'TOO_OLD' });
  await foreignWorker(here, 'xp', () => Promise.reject(new UnrecoverableError('no idea')));
  const failed = await producer.xp.award({ key: here.key('xp'), amount: 5 });

  await until('it has failed', async () => (await job('xp', failed.jobId)).status === 'failed');
  expect((await job('xp', failed.jobId)).job.failedReason).toMatch(
    /^unknown FOREIGN_WORKER: .* failed the job with "no idea"; a retry applies it if/,
  );
  expect((await job('counters', old.jobId)).job).toMatchObject({
    failedReason: expect.stringMatching(/^unknown TOO_OLD: it stood for longer than/) as string,
    stacktrace: [expect.stringMatching(/^\w*Error: unknown TOO_OLD: it stood/) as string],
  });
});

test('a job that was tried more than once before it was applied does not seem to have failed', async () => {
  const here = place();
  const { job } = await board(here);
  const { jobId } = await here.producer().counters.increment({ key: here.key('n') });
  const key = `${here.partition.prefix}:counters:${jobId}`;
  await here.client.hset(key, 'stacktrace', '["Error: tally/2 failed OOM: no memory; nothing was applied"]', 'atm', 1);
  expect((await job('counters', jobId)).job.stacktrace).toEqual(['Error: failed OOM: no memory; nothing was applied']);
  await here.worker();
  await until('it is completed', async () => (await job('counters', jobId)).status === 'completed');
  expect((await job('counters', jobId)).job).toMatchObject({ isFailed: false, attempts: 2 });
});

test('the board says of a queue that another program works on it, and from where', async () => {
  const here = place();
  const { queues } = await board(here);
  const shown = async (name: string) =>
    (await queues(name)).find((queue) => queue.name === boardName(name, here.partition))?.description ?? '';
  expect(await shown('counters')).not.toContain('another program');

  await foreignWorker(here, 'counters', () => Promise.resolve());

  await until('it says so', async () =>
    (await shown('counters')).startsWith('Workers of another program, from 127.0.0.1:'),
  );
  expect(await shown('xp')).not.toContain('another program');
});
