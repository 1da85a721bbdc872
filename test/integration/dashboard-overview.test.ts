import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { addUser, startDashboard } from '../support/dashboard.js';
import type { RunningDashboard } from '../support/dashboard.js';
import { openQueue } from '../support/queues.js';
import { createKeys } from '../../src/redis/keys.js';
import { place, until } from '../support/tally.js';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

async function overviewOf({ raw }: RunningDashboard, cookie?: string): Promise<string> {
  const { status, body } = await raw({ path: '/ops', headers: { accept: 'text/html', ...(cookie && { cookie }) } });
  expect(status).toBe(200);
  return body.replace(/\s+/g, ' ');
}

test('updates that wait without a worker are counted as updates, and the verdict says so with the runbook', async () => {
  const here = place();
  const dashboard = await startDashboard(here);
  const updates = Array.from({ length: 300 }, (_, index) => {
    return { operation: 'counter.increment' as const, params: { key: here.key(`n:${index}`) } };
  });
  await here.producer().submit(updates);
  let page = '';
  await until('they are counted', async () => {
    page = await overviewOf(dashboard);
    return page.includes('300 updates wait');
  });
  expect(page).toContain('Not healthy:');
  expect(page).toContain(
    'no worker serves counters, inventory, expiries, xp, scores and transactions, and 300 updates wait',
  );
  const [, path] = /href="(\/ops\/runbook\/TallyNoWorkers)"/.exec(page)!;
  expect((await dashboard.raw({ path: path! })).body).toContain('Meaning');
  expect((await dashboard.raw({ path: '/ops/runbook/Nothing' })).status).toBe(404);
});

test('workers tell what they did: outcomes by kind, latency, hot keys; and who they are', async () => {
  const here = place();
  const dashboard = await startDashboard(here);
  await here.client.set(here.key('bad'), 'no number');
  const worker = await here.worker();
  const producer = here.producer();
  const sent = [
    ...(await Promise.all(Array.from({ length: 20 }, () => producer.counters.increment({ key: here.key('hot') })))),
    await producer.counters.increment({ key: here.key('bad') }),
    await producer.inventory.take({ key: here.key('none'), quantity: 1, whenShort: 'reject' }),
  ];
  await Promise.all(sent.map((submission) => submission.outcome()));
  let page = '';
  await until('they have told', async () => {
    page = await overviewOf(dashboard);
    return page.includes('about 20 updates');
  });
  const row = (name: string) =>
    new RegExp(`<th scope="row">${name}</th> <td class="number">([^<]*)</td>`).exec(page)?.[1];
  expect({ applied: row('applied'), rejected: row('rejected'), failed: row('failed') }).toEqual({
    applied: '20',
    rejected: '1',
    failed: '1',
  });
  expect(row('Latency, 50 % within')).toMatch(/ms|s$/);
  expect(page).toContain(here.key('hot'));
  expect(page).toContain(`data-label="Process">${process.pid}</td>`);
  expect(page).toContain('counters, inventory, expiries, xp, scores, transactions');
  await until('the failure is said', async () =>
    (await overviewOf(dashboard)).includes('1 failed update waits for a decision, 1 failed within the last hour'),
  );
  await worker.close();
  await until('it is gone', async () => !(await overviewOf(dashboard)).includes('scores, transactions'));
});

test('an operator lets a worker rest, go on and end; a viewer can not', async () => {
  const here = place();
  await Promise.all([addUser(here, 'vera', 'viewer'), addUser(here, 'olaf', 'operator')]);
  const dashboard = await startDashboard(here);
  const [viewer, operator] = [await dashboard.signIn('vera'), await dashboard.signIn('olaf')];
  const old = JSON.stringify({ order: 'stop', id: 'of a process that had its name' });
  await here.client.hset(createKeys(here).workerOrders, `${hostname()}:${process.pid}:worker`, old);
  const worker = await here.worker();
  let stopped = false;
  worker.once('stopped', () => {
    stopped = true;
  });
  let id = '';
  await until('it is shown', async () => {
    id = /name="process" value="([^"]+)"/.exec(await overviewOf(dashboard, operator))?.[1] ?? '';
    return id !== '';
  });
  expect(await overviewOf(dashboard, viewer)).not.toContain('name="process"');
  const order = async (what: string, cookie: string, headers: Record<string, string> = {}, name = id) => {
    const body = new URLSearchParams({ process: name, order: what }).toString();
    return (
      await dashboard.raw({ method: 'POST', path: '/ops/workers', headers: { ...FORM, cookie, ...headers }, body })
    ).status;
  };
  expect(await order('stop', viewer)).toBe(403);
  expect(await order('stop', operator, { 'sec-fetch-site': 'cross-site' })).toBe(403);
  expect(await order('stop', operator, {}, 'elsewhere:1:worker')).toBe(404);
  expect(await order('restart', operator)).toBe(404);
  expect(await order('quiet', operator)).toBe(303);
  await until('it rests, and who said so', async () =>
    /were told to take no jobs \(by olaf, \d+ s ago\)/.test(await overviewOf(dashboard, viewer)),
  );
  const producer = here.producer({ maxBatch: 1 });
  await producer.counters.increment({ key: here.key('n') }); // it is waiting for one already
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const sent = await producer.counters.increment({ key: here.key('n') });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(await openQueue(here).getJobState(sent.jobId)).toBe('waiting');
  expect(await order('resume', operator)).toBe(303);
  expect(await sent.outcome()).toMatchObject({ status: 'applied' });
  expect(await order('stop', operator)).toBe(303);
  await until('it has ended', () => stopped);
});

test('who has paused a queue is said beside it', async () => {
  const here = place();
  await addUser(here, 'olaf', 'operator');
  const dashboard = await startDashboard(here);
  const cookie = await dashboard.signIn('olaf');
  await openQueue(here, 'xp').pause();
  await until('it is paused, by nobody known', async () =>
    (await overviewOf(dashboard, cookie)).includes('xp is paused.'),
  );
  const { status } = await dashboard.raw({
    method: 'PUT',
    path: '/ops/queues/api/queues/counters/pause',
    headers: { cookie },
  });
  expect(status).toBe(200);
  await until('both are, the one by a name', async () =>
    /counters and xp are paused \(by olaf, (less than 1|\d+) s ago\)/.test(await overviewOf(dashboard, cookie)),
  );
});

test('a limited queue has a badge, and the part that is fetched anew is that of the page', async () => {
  const here = place();
  const dashboard = await startDashboard(here);
  await openQueue(here).setGlobalRateLimit(10, 2_000);
  await openQueue(here, 'xp').setGlobalConcurrency(3);
  await until('both have theirs', async () => {
    const page = await overviewOf(dashboard);
    return page.includes('10 jobs / 2 s') && page.includes('3 at a time');
  });
  const part = await dashboard.raw({ path: '/ops/overview-part' });
  expect(part.headers['content-type']).toContain('text/html');
  expect(part.body).toContain('10 jobs / 2 s');
  expect(part.body).not.toContain('<html');
});

test('strangers see nothing of it', async () => {
  const here = place();
  await addUser(here, 'vera', 'viewer');
  const dashboard = await startDashboard(here);
  for (const path of ['/ops', '/ops/overview-part', '/ops/failures', '/ops/workers']) {
    expect((await dashboard.raw({ path })).status, path).toBe(401);
  }
});
