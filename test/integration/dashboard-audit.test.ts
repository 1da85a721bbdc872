import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { addUser, PASSWORD, signInRequest, startDashboard } from '../support/dashboard.js';
import { addJobs } from '../support/dashboard-jobs.js';
import { boardRequests } from '../support/dashboard-routes.js';
import { boardName } from '../../dashboard/board/board-name.js';
import { describeAction } from '../../dashboard/audit/action-words.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

type Entry = Record<string, unknown>;

async function kept(here: Place, list: 'audit' | 'audit-of-strangers'): Promise<Entry[]> {
  const texts = await here.client.lrange(`${here.namespace}:${list}`, 0, -1);
  return texts.map((text) => JSON.parse(text) as Entry).reverse();
}

/** A logger whose lines the test can read. */
function readableLogger() {
  const lines: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  return { lines, logger: pino({ level: 'info' }, sink) };
}

test('every action is on the page, in Redis and in the log: who, role, what, which queue and job, from where', async () => {
  const here = place();
  const queue = boardName('counters', here.partition);
  const path = encodeURIComponent(queue);
  const jobs = await addJobs(here);
  await Promise.all([addUser(here, 'vera', 'viewer'), addUser(here, 'olaf', 'operator')]);
  const { lines, logger } = readableLogger();
  const dashboard = await startDashboard(here, { logger });
  const [viewer, operator] = [await dashboard.signIn('vera'), await dashboard.signIn('olaf')];
  const put = (action: string, headers: Record<string, string>) =>
    dashboard.raw({ method: 'PUT', path: `/ops/queues/api/queues${action}`, headers });
  await put(`/${path}/${jobs.failed}/retry`, { cookie: operator });
  await put(`/${path}/${jobs.completed}/retry`, { cookie: operator });
  await put(`/${path}/clean/wait`, { cookie: viewer });
  await put('/pause', { cookie: operator, 'sec-fetch-site': 'cross-site' });
  await put(`/${path}/obliterate`, {});
  await dashboard.raw(signInRequest('olaf', 'wrong'));
  await dashboard.raw(signInRequest(PASSWORD, 'olaf'));
  await dashboard.raw({ method: 'POST', path: '/ops/sign-out', headers: { cookie: operator } });
  await dashboard.raw({ path: '/ops/queues/api/queues', headers: { cookie: viewer } }); // to look is no action
  const page = await dashboard.raw({ path: '/ops/audit', headers: { cookie: viewer } });
  await dashboard.close();

  const from = '127.0.0.1';
  const [vera, olaf] = [
    { who: 'vera', role: 'viewer' },
    { who: 'olaf', role: 'operator' },
  ];
  const ofUsers = [
    { ...vera, action: 'sign in', result: 'done', status: 303, from },
    { ...olaf, action: 'sign in', result: 'done', status: 303, from },
    { ...olaf, action: 'retry', queue, job: jobs.failed, result: 'done', status: 204, from },
    { ...olaf, action: 'retry', queue, job: jobs.completed, result: 'refused', status: 409, from },
    { ...vera, action: 'clean wait', queue, result: 'refused', status: 403, from },
    { ...olaf, action: 'pause all queues', result: 'refused', status: 403, from },
    { ...olaf, action: 'sign out', result: 'done', status: 303, from },
  ];
  const ofStrangers = [
    { action: 'obliterate', queue, result: 'refused', status: 401, from },
    { who: 'olaf', action: 'sign in', result: 'refused', status: 401, from },
    { action: 'sign in', result: 'refused', status: 401, from },
  ];
  expect((await kept(here, 'audit')).map(({ at: _, ...entry }) => entry)).toEqual(ofUsers);
  expect((await kept(here, 'audit-of-strangers')).map(({ at: _, ...entry }) => entry)).toEqual(ofStrangers);

  const logged = lines.map((line) => JSON.parse(line) as { audit?: Entry; msg: string }).filter(({ audit }) => audit);
  expect(logged).toHaveLength(ofUsers.length + ofStrangers.length);
  expect(logged.map(({ msg }) => msg)).toContain(
    `olaf (operator) from 127.0.0.1: retry, queue ${queue}, job ${jobs.failed}: done`,
  );
  expect(page.body).toContain(`href="/ops/queues/queue/${path}/${jobs.failed}"`);
  // A password that was typed in place of the name is nowhere.
  expect(lines.join('') + page.body + JSON.stringify(await kept(here, 'audit-of-strangers'))).not.toContain(PASSWORD);
});

test('1,000 actions of users are kept, and requests of strangers push none of them out', async () => {
  const here = place();
  await addUser(here, 'olaf', 'operator');
  const dashboard = await startDashboard(here);
  const entry = { at: new Date().toISOString(), who: 'olaf', role: 'operator', result: 'done', from: '::1' };
  const texts = Array.from({ length: 1_000 }, (_, index) => JSON.stringify({ ...entry, action: `old ${index}` }));
  await here.client.lpush(`${here.namespace}:audit`, ...texts);
  await here.client.lpush(`${here.namespace}:audit-of-strangers`, ...texts.map(() => '{"of":"another version"}'));
  const cookie = await dashboard.signIn('olaf');
  for (let index = 0; index < 20; index += 1) {
    await dashboard.raw({ method: 'PUT', path: '/ops/queues/api/queues/pause' });
  }
  await until('all are kept', async () => {
    const tried = (await kept(here, 'audit-of-strangers')).filter(({ status }) => status === 401);
    return tried.length === 20 && (await kept(here, 'audit')).at(-1)?.['action'] === 'sign in';
  });
  expect(await here.client.llen(`${here.namespace}:audit`)).toBe(1_000);
  expect(await here.client.llen(`${here.namespace}:audit-of-strangers`)).toBe(1_000);
  const { status, body } = await dashboard.raw({ path: '/ops/audit', headers: { cookie } });
  expect(status).toBe(200);
  expect(body).toContain('>old 999<');
  expect(body).toContain('>old 1<');
  expect(body).not.toContain('>old 0<');
});

test('while there are no users, actions are those of this machine', async () => {
  const here = place();
  const dashboard = await startDashboard(here);
  await dashboard.raw({ method: 'PUT', path: '/ops/queues/api/queues/xp/pause' });
  await dashboard.close();
  expect(await kept(here, 'audit')).toMatchObject([
    { who: 'this machine', role: 'operator', action: 'pause', queue: 'xp' },
  ]);
});

test('every change that the board knows is put into words, with its queue and job and nothing that a terminal obeys', () => {
  const parts = { queueName: 'xp', jobId: '0199-1', queueStatus: 'failed', schedulerId: 'nightly' };
  const words = boardRequests(parts)
    .filter(({ method }) => method !== 'GET')
    .map(({ method, path }) => ({ path, ...describeAction(method, path) }));
  for (const { path, action, queue, job } of words) {
    expect(action).toMatch(/^[a-z -]+$/);
    expect({ path, queue }).toEqual({ path, queue: path.includes('/xp/') ? 'xp' : undefined });
    expect({ path, job }).toEqual({ path, job: path.includes('/0199-1/') ? '0199-1' : undefined });
  }
  expect(describeAction('PUT', '/ops/queues/api/queues/a%1b%5b2J%E2%80%AE/b%0a/retry')).toEqual({
    action: 'retry',
    queue: 'a\u{fffd}[2J\u{fffd}',
    job: 'b\u{fffd}',
  });
  expect(words.map(({ action }) => action)).toEqual(
    expect.arrayContaining([
      'pause all queues',
      'pause',
      'retry failed',
      'retry',
      'clean',
      'clean failed',
      'obliterate',
    ]),
  );
});
