import { once } from 'node:events';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { boardName } from '../../dashboard/board/board-name.js';
import { createDashboard } from '../../dashboard/app.js';
import type { DashboardOptions } from '../../dashboard/app.js';
import { ConfigurationError } from '../../src/index.js';
import type { JobData } from '../../src/jobs/job-data.js';
import { FORM } from '../../src/jobs/form.js';
import { newJobId } from '../../src/layout/new-job-id.js';
import { openQueue } from '../../src/jobs/queues.js';
import { board, boardPath } from '../support/board.js';
import type { ShownQueue } from '../support/board.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** Puts a job of many updates on a queue, as a busy producer would. */
async function addBatch(here: Place, queueName: string, operation: string, data: JobData): Promise<string> {
  const jobId = newJobId(here.slot);
  const queue = openQueue(queueName, here.partition.prefix, here.client, here.logger);
  await queue.add(operation, data, { jobId });
  await queue.close();
  return jobId;
}

const jsonHeaders = { 'content-type': 'application/json' };

test('a completed job shows its update and its outcome, not the compact form that is stored', async () => {
  const here = place();
  const [{ job, queues }, producer] = [await board(here), here.producer()];
  await here.worker();
  const key = here.key('views');
  const applied = await producer.counters.increment({ key, by: 5 }, { idempotencyKey: here.key('once') });
  const rejected = await producer.inventory.take({ key: here.key('book'), quantity: 2, whenShort: 'reject' });
  await applied.outcome();
  await rejected.outcome();
  await until('the job is settled', async () => (await job('counters', applied.jobId)).job.progress === 100);

  const shown = await job('counters', applied.jobId);
  expect(shown).toMatchObject({
    status: 'completed',
    job: {
      name: `counter.increment ${key} (by 5)`,
      data: { operation: 'counter.increment', params: { key, by: 5 }, idempotencyKey: here.key('once') },
      returnValue: { status: 'applied', result: { value: 5, applied: 5 } },
    },
  });
  const listed = (await queues('counters')).find(({ name }) => name === boardName('counters', here.partition))!;
  expect(listed.jobs).toEqual([shown.job]);
  expect((await job('inventory', rejected.jobId)).job.returnValue).toMatchObject({
    status: 'rejected',
    reason: 'INSUFFICIENT_STOCK',
    message: `"${here.key('book')}" has 0 in stock, 2 wanted`,
  });
});

test('a failed job shows its reason and, once the cause is mended, completes when retried from the board', async () => {
  const here = place();
  const [{ job, request }, producer] = [await board(here), here.producer()];
  await here.worker();
  const key = here.key('count');
  await here.client.rpush(key, 'not a counter');
  const submission = await producer.counters.increment({ key, by: 3 });
  await submission.outcome();
  expect(await job('counters', submission.jobId)).toMatchObject({
    status: 'failed',
    job: { failedReason: expect.stringMatching(/^failed WRONG_TYPE: .* nothing was applied$/) as string, progress: 0 },
  });

  await here.client.del(key);
  const retried = await request(`/ops/queues/api/queues/${boardPath(here, 'counters')}/${submission.jobId}/retry`, {
    method: 'PUT',
  });
  expect(retried.status).toBe(204);
  await until('the job completes', async () => (await job('counters', submission.jobId)).status === 'completed');
  expect((await job('counters', submission.jobId)).job.returnValue).toEqual({
    status: 'applied',
    result: { value: 3, applied: 3 },
  });
  expect(await here.client.get(key)).toBe('3');
});

test('all failed jobs of a queue can be retried from the board, and each takes effect once', async () => {
  const here = place();
  const [{ request }, producer] = [await board(here), here.producer({ maxBatch: 1 })];
  await here.worker();
  const key = here.key('count');
  await here.client.rpush(key, 'not a counter');
  const submissions = await Promise.all(Array.from({ length: 5 }, () => producer.counters.increment({ key })));
  await Promise.all(submissions.map((submission) => submission.outcome()));
  await here.client.del(key);
  const retried = await request(`/ops/queues/api/queues/${boardPath(here, 'counters')}/retry/failed`, {
    method: 'PUT',
  });
  expect(await retried.json()).toEqual({ retried: 5, skipped: 0 });
  await until('all are applied', async () => (await here.client.get(key)) === '5');
});

test('a batch of 1,000 updates shows as a summary, with the failed one as the job that it became', async () => {
  const here = place();
  const { job } = await board(here);
  const wrong = here.key('wrong');
  await here.client.rpush(wrong, 'not a counter');
  const updates = Array.from({ length: 1000 }, (_, index) => ({ key: here.key(`count-${index % 7}`), by: 1 }));
  updates[500] = { key: wrong, by: 1 };
  const idempotencyKeys = { 0: here.key('zero'), 999: ['shop 7', here.key('last')] as const };
  const stamp = { v: FORM, sentAtMs: Date.now(), windowMs: 60_000 };
  const jobId = await addBatch(here, 'counters', 'counter.increment', { ...stamp, idempotencyKeys, updates });
  await here.worker();
  await until('the batch completes', async () => (await job('counters', jobId)).status === 'completed');

  const shown = (await job('counters', jobId)).job;
  expect(shown.name).toBe('counter.increment × 1000');
  expect(shown.data).toMatchObject({ operation: 'counter.increment', updates: 1000, withIdempotencyKey: 2 });
  expect(Object.values(shown.data['first'] as object)).toHaveLength(5);
  expect(shown.data['first']).toMatchObject({
    0: `${here.key('count-0')} (by 1), idempotency key ${here.key('zero')}`,
    1: `${here.key('count-1')} (by 1)`,
  });
  expect(shown.returnValue).toMatchObject({
    updates: 1000,
    applied: 999,
    failed: 1,
    notApplied: {
      500: expect.stringMatching(new RegExp(`^failed WRONG_TYPE: .*; put back as job ${jobId}\\.500$`)) as string,
    },
    first: { 0: 'applied {"value":1,"applied":1}' },
  });
  expect(JSON.stringify(shown.data).length + JSON.stringify(shown.returnValue).length).toBeLessThan(5_000);

  const putBack = await job('counters', `${jobId}.500`);
  expect(putBack).toMatchObject({ status: 'failed', job: { name: `counter.increment ${wrong} (by 1)` } });
});

test('a job that the dashboard can not read is shown as it is stored', async () => {
  const here = place();
  const { job } = await board(here);
  const unknown = await addBatch(here, 'counters', 'energy.spend', { updates: [{ key: 'a' }] });
  const edited = await addBatch(here, 'counters', 'counter.increment', { updates: [null, 'nonsense'] });
  expect((await job('counters', unknown)).job).toMatchObject({
    name: 'energy.spend',
    data: { updates: [{ key: 'a' }] },
  });
  expect((await job('counters', edited)).job.data).toEqual({ updates: [null, 'nonsense'] });
});

test('a completed job can not be retried, alone or with all others', async () => {
  const here = place();
  const [{ request, job }, producer] = [await board(here), here.producer()];
  await here.worker();
  const submission = await producer.counters.increment({ key: here.key('count') });
  await submission.outcome();
  for (const path of [`${submission.jobId}/retry`, 'retry/completed']) {
    const response = await request(`/ops/queues/api/queues/${boardPath(here, 'counters')}/${path}`, { method: 'PUT' });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ message: expect.stringContaining('has taken effect') as string });
  }
  expect((await job('counters', submission.jobId)).status).toBe('completed');
});

test('jobs can be neither added nor edited from the board', async () => {
  const here = place();
  const { request, queues } = await board(here);
  const data = {
    updates: [
      { key: here.key('count'), by: 1 },
      { key: here.key('count'), by: 2 },
    ],
  };
  const jobId = await addBatch(here, 'counters', 'counter.increment', data);
  const added = await request(`/ops/queues/api/queues/${boardPath(here, 'counters')}/add`, {
    method: 'POST',
    headers: jsonHeaders,
    body: JSON.stringify({ name: 'counter.increment', data, options: {} }),
  });
  expect(added.status).toBe(405);
  expect(await added.json()).toMatchObject({ message: expect.stringContaining('tally submit') as string });
  const edited = await request(`/ops/queues/api/queues/${boardPath(here, 'counters')}/${jobId}/update-data`, {
    method: 'PATCH',
    headers: jsonHeaders,
    body: JSON.stringify({ jobData: { operation: 'counter.increment', updates: 2 } }),
  });
  expect(edited.status).toBe(405);
  expect(
    (await queues('counters')).find(({ name }) => name === boardName('counters', here.partition))?.jobs,
  ).toHaveLength(1);
  expect(JSON.parse((await here.client.hget(`${here.partition.prefix}:counters:${jobId}`, 'data'))!)).toEqual(data);
});

test('schedules can be neither edited nor removed from the board, behind the back of what lists them', async () => {
  const here = place();
  const { request } = await board(here);
  const { schedules } = here.producer();
  await schedules.put({
    id: 'daily',
    cron: '0 0 * * *',
    update: { operation: 'counter.increment', params: { key: here.key('n') } },
  });
  const path = `/ops/queues/api/queues/${boardPath(here, 'counters')}/job-schedulers/daily`;
  const edited = await request(path, {
    method: 'PATCH',
    headers: jsonHeaders,
    body: JSON.stringify({ pattern: '0 3 * * *' }),
  });
  const removed = await request(`${path}/remove`, { method: 'PUT', headers: jsonHeaders });
  expect([edited.status, removed.status]).toEqual([405, 405]);
  expect(await removed.json()).toMatchObject({ message: expect.stringContaining('tally schedules') as string });
  const queue = openQueue('counters', here.partition.prefix, here.client, here.logger);
  expect((await queue.getJobSchedulers()).map(({ pattern }) => pattern)).toEqual(['0 0 * * *']);
});

test('a change that another site asks for is refused, and one from the dashboard itself is not', async () => {
  const here = place();
  const { request } = await board(here);
  const pause = async (headers: Record<string, string>) =>
    (await request(`/ops/queues/api/queues/${boardPath(here, 'xp')}/pause`, { method: 'PUT', headers })).status;
  expect(await pause({ 'sec-fetch-site': 'cross-site' })).toBe(403);
  expect(await pause({ 'sec-fetch-site': 'same-site' })).toBe(403);
  expect(await pause({ origin: 'https://elsewhere.example' })).toBe(403);
  expect(await pause({ origin: 'null' })).toBe(403);
  const { host } = new URL((await request('/ops/queues')).url);
  expect(await pause({ origin: `http://${host}` })).toBe(200);
  expect(await pause({ 'sec-fetch-site': 'same-origin' })).toBe(200);
  expect(await pause({})).toBe(200);
});

test('while there are no users, a page whose name was made to lead to this machine gets nothing', async () => {
  const here = place();
  const { request } = await board(here);
  const { port } = new URL((await request('/ops/queues')).url);
  const statusAs = async (host: string) => {
    const asked = get({ port, host: '127.0.0.1', path: '/ops/queues', headers: { host } });
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.resume();
    return answer.statusCode;
  };
  expect(await statusAs(`rebound.example:${port}`)).toBe(421);
  expect(await statusAs('localhost')).toBe(200);
  await addUser(here, 'ann', 'viewer'); // now it asks who comes, and has a name of its own perhaps
  expect(await statusAs('tally.example')).toBe(401);
});

test('viewers see the board without its buttons, and both roles find the other pages in its menu', async () => {
  const here = place();
  await Promise.all([addUser(here, 'vera', 'viewer'), addUser(here, 'olaf', 'operator')]);
  const dashboard = await startDashboard(here);
  for (const [name, isViewer] of [
    ['vera', true],
    ['olaf', false],
  ] as const) {
    const headers = { cookie: await dashboard.signIn(name) };
    const { body } = await dashboard.raw({ path: '/ops/queues/api/queues?jobsPerPage=10&page=1', headers });
    for (const queue of (JSON.parse(body) as { queues: ShownQueue[] }).queues) {
      expect(queue).toMatchObject({ readOnlyMode: isViewer, allowRetries: !isViewer, allowCompletedRetries: false });
    }
    const page = await dashboard.raw({ path: '/ops/queues', headers });
    for (const url of ['/ops/keys', '/ops/audit', '/ops/sign-out']) {
      expect(page.body).toContain(`"url":"${url}"`);
    }
  }
});

test('no answer names the software, and the page may load nothing from outside', async () => {
  const { request } = await board(place());
  for (const path of ['/', '/ops', '/ops/queues', '/ops/queues/api/queues', '/nowhere', '/ops/queues/%E0%A4%A']) {
    const { headers } = await request(path);
    expect(headers.get('x-powered-by'), path).toBeNull();
  }
  const page = await request('/ops/queues');
  expect(await page.text()).toContain('<title>Tally</title>');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'; style-src 'self' 'unsafe-inline'");
});

test('the root leads to the overview', async () => {
  const { request } = await board(place());
  const response = await request('/');
  expect([response.status, response.headers.get('location')]).toEqual([302, '/ops']);
  expect((await request('/ops')).status).toBe(200);
});

test('while Redis is unreachable the board answers with an error rather than hang, and it works again afterwards', async () => {
  const redis = await ownRedis();
  const { request, queues } = await board(place(redis.url));
  expect(await queues()).toHaveLength(6);
  await redis.stop();
  const answer = await request('/ops/queues/api/queues', { signal: AbortSignal.timeout(10_000) });
  expect(answer.status).toBe(503);
  await redis.start();
  await until('the board answers', async () => (await request('/ops/queues/api/queues')).ok);
});

test('a mistyped option is refused with the nearest known one', () => {
  const { redis } = place();
  expect(() => createDashboard({ redis, prefxi: 'bull' } as DashboardOptions)).toThrow(ConfigurationError);
  expect(() => createDashboard({ redis, prefxi: 'bull' } as DashboardOptions)).toThrow('did you mean "prefix"?');
});

test('probes are answered without a sign-in, and say when Redis is unreachable', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  await addUser(here, 'ann', 'viewer');
  const { request } = await startDashboard(here);
  expect(await (await request('/readyz')).json()).toEqual({ status: 'ready' });
  await redis.stop();
  expect(await (await request('/healthz')).json()).toEqual({ status: 'ok' });
  const answer = await request('/readyz');
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ code: 'NOT_READY' });
});
