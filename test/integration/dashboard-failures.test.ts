import { expect, test } from 'vitest';
import { boardPath } from '../support/board.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import type { RunningDashboard } from '../support/dashboard.js';
import { openQueue } from '../support/queues.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

const SCRIPT = `"><script>alert('x')</script>`;

/** Turns what follows around. */
const TURNED = '\u202egnp.exe';

/** Increments that fail for as long as these keys hold a text. */
async function failing(here: Place, names: readonly string[]): Promise<void> {
  for (const name of new Set(names)) {
    await here.client.set(here.key(name), 'no number');
  }
  const producer = here.producer({ maxBatch: 1 });
  const sent = await Promise.all(names.map((name) => producer.counters.increment({ key: here.key(name) })));
  await Promise.all(sent.map((submission) => submission.outcome({ timeoutMs: 120_000 })));
}

async function signedIn(here: Place) {
  await Promise.all([addUser(here, 'vera', 'viewer'), addUser(here, 'olaf', 'operator')]);
  const dashboard = await startDashboard(here);
  return { dashboard, viewer: await dashboard.signIn('vera'), operator: await dashboard.signIn('olaf') };
}

function post(
  { raw }: RunningDashboard,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string>,
) {
  return raw({ method: 'POST', path, headers: { ...FORM, ...headers }, body: new URLSearchParams(fields).toString() });
}

test('the page says why in words, escapes what keys hold, and folds the stack', async () => {
  const here = place();
  await here.worker();
  await failing(here, [SCRIPT, TURNED]);
  const { dashboard, viewer } = await signedIn(here);
  const { body, headers } = await dashboard.raw({ path: '/ops/failures', headers: { cookie: viewer } });
  expect(body).toContain('2 failed updates');
  expect(body).toContain('holds something other than an integer');
  expect(body).toMatch(/<details>\s*<summary>Stack trace<\/summary>/);
  expect(body).not.toContain('<script>alert');
  expect(body.replace(/="[^"]*"/g, ''), 'but for what attributes hold').not.toContain('\u202e');
  expect(body).toContain(String.raw`\u202egnp.exe`);
  expect(headers['content-security-policy']).toContain("script-src 'self'");
  const typed = `/ops/failures?${new URLSearchParams({ key: SCRIPT }).toString()}`;
  const filtered = (await dashboard.raw({ path: typed, headers: { cookie: viewer } })).body;
  expect(filtered).toContain('value="&quot;&gt;&lt;script&gt;');
  expect(filtered, 'in the field of the filter').not.toContain('<script>alert');
  expect(body, 'to a viewer').not.toMatch(/<button[^>]*>\s*Retry/);
});

test('the board lists failed jobs with their reasons, and shows the stack of one on its own page', async () => {
  const here = place();
  await here.worker();
  await failing(here, ['a']);
  const { raw } = await startDashboard(here);
  const queue = boardPath(here, 'counters');
  const list = await raw({ path: `/ops/queues/api/queues?activeQueue=${queue}&status=failed&page=1` });
  const { queues } = JSON.parse(list.body) as {
    queues: { name: string; jobs: { id: string; stacktrace: string[] }[] }[];
  };
  const [listed] = queues.flatMap(({ jobs }) => jobs);
  expect(listed!.stacktrace).toEqual([expect.stringMatching(/^\w+: failed NOT_AN_INTEGER: .*; nothing was applied$/)]);
  const one = await raw({ path: `/ops/queues/api/queues/${queue}/${listed!.id}` });
  expect((JSON.parse(one.body) as { job: { stacktrace: string[] } }).job.stacktrace[0]).toContain('\n    at ');
});

test('the board leads to the failures of a queue, and those of no other', async () => {
  const here = place();
  await here.worker();
  await failing(here, ['a']);
  await (await here.producer().scores.add({ entries: [{ key: here.key('a'), member: 'm', by: 1 }] })).outcome();
  const dashboard = await startDashboard(here);
  const led = await dashboard.raw({ path: `/ops/failures/of-queue?queue=${boardPath(here, 'counters')}` });
  expect(led.headers.location).toBe('/ops/failures?queue=counters');
  const { body } = await dashboard.raw({ path: led.headers.location! });
  expect(body).toContain('1 failed update');
  expect(body).toContain('href="/ops/failures/remove?queue=counters"');
  expect((await post(dashboard, '/ops/failures/remove', { queue: 'counters', updates: '2' }, {})).status).toBe(409);
  const removed = await post(dashboard, '/ops/failures/remove', { queue: 'counters', updates: '1' }, {});
  expect(removed.headers.location).toContain('removed=1');
  expect((await dashboard.raw({ path: '/ops/failures' })).body).toContain('WRONG_TYPE');
});

test('a viewer, and another site, can retry and remove nothing', async () => {
  const here = place();
  await here.worker();
  await failing(here, ['a']);
  const { dashboard, viewer, operator } = await signedIn(here);
  const paths = ['/ops/failures/retry', '/ops/failures/remove', '/ops/remove-waiting'];
  for (const path of paths) {
    const fields = { updates: '1', queue: 'counters', state: 'waiting' };
    expect((await post(dashboard, path, fields, { cookie: viewer })).status, path).toBe(403);
    expect((await post(dashboard, path, fields, {})).status, path).toBe(401);
    const elsewhere = { cookie: operator, 'sec-fetch-site': 'cross-site' };
    expect((await post(dashboard, path, fields, elsewhere)).status, path).toBe(403);
  }
  for (const path of ['/ops/failures/remove', '/ops/remove-waiting']) {
    expect((await dashboard.raw({ path, headers: { cookie: viewer } })).status, path).toBe(403);
  }
  expect(await openQueue(here).getJobCounts('failed')).toEqual({ failed: 1 });
});

test('the buttons of a group mean that group, also where its pattern fits others', async () => {
  const here = place();
  await here.worker();
  await failing(here, ['stock:1', 'stock:2', 'stock:lamp:7', 'stock:lamp:8']);
  const { dashboard, operator } = await signedIn(here);
  const cookie = { cookie: operator };
  const { body } = await dashboard.raw({ path: '/ops/failures', headers: cookie });
  const [row] = body.split('<li ').filter((text) => text.includes('>{*}:stock:*<'));
  const [, group] = /name="group" value="([^"]+)"/.exec(row!)!;
  const [, look] = /href="([^"]*group=[^"]+)"/.exec(row!)!;
  const looked = (await dashboard.raw({ path: look!, headers: cookie })).body;
  expect(looked).toContain('<strong>2 failed updates</strong>');
  expect(looked).toContain('All groups');
  await here.client.del(...['stock:1', 'stock:lamp:7'].map((name) => here.key(name)));
  await post(dashboard, '/ops/failures/retry', { group: group! }, cookie);
  await until('its own is applied', async () => (await here.client.get(here.key('stock:1'))) === '1');
  expect(await here.client.exists(here.key('stock:lamp:7'))).toBe(0);
});

test('an operator retries all that a filter means, and removes others once their number is typed; the audit has the jobs', async () => {
  const here = place();
  await here.worker();
  await failing(here, ['a', 'a', 'b']);
  const { dashboard, operator } = await signedIn(here);
  const cookie = { cookie: operator };
  await here.client.del(here.key('a'));
  const retried = await post(dashboard, '/ops/failures/retry', { key: here.key('a'), reason: '' }, cookie);
  expect(retried.status).toBe(303);
  expect(retried.headers.location).toContain('retried=2&of=2&left=0');
  await until('both are applied', async () => (await here.client.get(here.key('a'))) === '2');

  const asked = await dashboard.raw({ path: '/ops/failures/remove', headers: cookie });
  expect(asked.body).toContain('<strong>1 update</strong>');
  for (const updates of ['', '2', 'all']) {
    const refused = await post(dashboard, '/ops/failures/remove', { updates }, cookie);
    expect([refused.status, refused.body.includes('Nothing was removed')]).toEqual([409, true]);
  }
  const [{ id }] = (await openQueue(here).getFailed()) as unknown as [{ id: string }];
  expect((await post(dashboard, '/ops/failures/remove', { updates: '1' }, cookie)).status).toBe(303);
  expect(await openQueue(here).getJobCounts('failed')).toEqual({ failed: 0 });
  let audit = '';
  await until('it is in the audit', async () => {
    audit = (await dashboard.raw({ path: '/ops/audit', headers: cookie })).body;
    return audit.includes('removed 1 update in 1 job: all');
  });
  expect(audit).toContain(`retried 2 updates in 2 jobs: key=${here.key('a')}`);
  const [path] = /\/ops\/audit\/jobs\/[0-9a-f]{16}/.exec(audit)!;
  const kept = await dashboard.raw({ path, headers: cookie });
  expect(kept.body).toBe(`counters ${id} counter.increment 1\n`);
  expect((await dashboard.raw({ path: '/ops/audit/jobs/..%2f..', headers: cookie })).status).toBe(404);
});

test.each([
  ['reason', 'no words'],
  ['operation', '<b>'],
  ['key', 'k'.repeat(600)],
  ['reason', 'R'.repeat(10_000)],
])('a %s that can be none is refused: %.20s', async (name, value) => {
  const dashboard = await startDashboard(place());
  const path = `/ops/failures?${new URLSearchParams({ [name]: value }).toString()}`;
  expect((await dashboard.raw({ path })).status).toBe(400);
  expect((await post(dashboard, '/ops/failures/retry', { [name]: value }, {})).status).toBe(400);
});

test("the board's Retry all retries all, while a worker fails half of them again and also those whose end lies ahead, and says how many", async () => {
  const here = place();
  await here.worker();
  const [mended, broken] = [2_504, 2_500];
  await failing(here, [...Array<string>(mended).fill('mended'), ...Array<string>(broken).fill('broken')]);
  const queue = openQueue(here);
  const ids = (await queue.getJobs('failed', 0, 3, true)).map(({ id }) => id!); // the first to fail: mended
  const ahead = Date.now() + 3_600_000;
  const failed = `${here.partition.prefix}:counters:failed`;
  await here.client.zadd(failed, 'XX', ...ids.flatMap((id) => [ahead, id]));
  await here.client.del(here.key('mended'));
  const dashboard = await startDashboard(here);
  const path = `/ops/queues/api/queues/${boardPath(here, 'counters')}/retry/failed`;
  const answer = await dashboard.raw({ method: 'PUT', path });
  expect(JSON.parse(answer.body)).toEqual({ retried: mended + broken, skipped: 0 });
  await until('each was tried, and those applied whose cause is mended', async () => {
    const counts = await queue.getJobCounts('failed', 'wait', 'prioritized', 'active');
    return (await here.client.get(here.key('mended'))) === String(mended) && counts['failed'] === broken;
  });
  expect(await here.client.zcount(failed, ahead, ahead)).toBe(0);
});

test('what waits is removed from a queue only once its number is typed, and never what a worker has taken', async () => {
  const here = place();
  const dashboard = await startDashboard(here);
  const producer = here.producer();
  const updates = Array.from({ length: 5 }, () => ({
    operation: 'counter.increment' as const,
    params: { key: here.key('n') },
  }));
  await producer.submit(updates);
  await producer.counters.increment({ key: here.key('later') }, { delay: 3_600_000 });
  const queue = openQueue(here);
  const board = `/ops/queues/api/queues/${boardPath(here, 'counters')}`;
  for (const action of ['clean/delayed', 'clean/failed', 'empty', 'obliterate']) {
    expect((await dashboard.raw({ method: 'PUT', path: `${board}/${action}` })).status, action).toBeGreaterThan(404);
  }
  const query = `queue=${boardPath(here, 'counters')}&state=waiting`;
  const asked = await dashboard.raw({ path: `/ops/remove-waiting?${query}` });
  expect(asked.body).toContain('<strong>5 updates</strong>');
  const fields = { queue: decodeURIComponent(boardPath(here, 'counters')), state: 'waiting' };
  expect((await post(dashboard, '/ops/remove-waiting', { ...fields, updates: '4' }, {})).status).toBe(409);
  expect((await queue.getJobCounts('wait'))['wait']).toBeGreaterThan(0);
  const removed = await post(dashboard, '/ops/remove-waiting', { ...fields, updates: '5' }, {});
  expect(removed.body).toContain('Removed 5 updates');
  expect(await queue.getJobCounts('wait', 'delayed')).toEqual({ wait: 0, delayed: 1 });
  await here.worker();
  const sent = await producer.counters.increment({ key: here.key('n') });
  expect(await sent.outcome()).toMatchObject({ status: 'applied', result: { value: 1 } });
});

test('what waits for its time is promoted, but for the next run of a schedule, which is not put off either', async () => {
  const here = place();
  const producer = here.producer();
  const update = { operation: 'counter.increment', params: { key: here.key('n') } } as const;
  await producer.schedules.put({ id: 'nightly', cron: '0 0 * * *', update });
  const { jobId } = await producer.counters.increment({ key: here.key('n') }, { delay: 3_600_000 });
  const queue = openQueue(here);
  const run = (await queue.getDelayed()).find(({ id }) => id !== jobId)!;
  const dashboard = await startDashboard(here);
  const board = `/ops/queues/api/queues/${boardPath(here, 'counters')}`;
  const ask = (method: string, path: string, body = {}) =>
    dashboard.raw({
      method,
      path: `${board}${path}`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const one = `/${encodeURIComponent(run.id!)}`;
  for (const [method, action, body] of [
    ['PUT', 'promote', {}],
    ['PATCH', 'delay', { runAt: Date.now() + 9e9 }],
    ['PATCH', 'priority', { priority: 3 }],
  ] as const) {
    const refused = await ask(method, `${one}/${action}`, body);
    expect(refused, action).toMatchObject({
      status: 409,
      body: expect.stringContaining('run of a schedule') as string,
    });
  }
  expect((await ask('PUT', `${one}/clean`)).status, 'BullMQ itself keeps it').toBeGreaterThanOrEqual(400);
  expect((await ask('PUT', '/promote')).status).toBe(200);
  expect(await queue.getJobState(jobId)).toBe('waiting');
  const { delay, timestamp, opts, priority } = (await queue.getJob(run.id!))!;
  expect({ delay, timestamp, opts, priority, state: await queue.getJobState(run.id!) }).toEqual({
    ...{ delay: run.delay, timestamp: run.timestamp, opts: run.opts, priority: run.priority },
    state: 'delayed',
  });
});

test('the audit holds the values that were set', async () => {
  const here = place();
  const { jobId } = await here.producer().xp.award({ key: here.key('n'), amount: 1 }, { delay: 60_000 });
  const dashboard = await startDashboard(here);
  const headers = { 'content-type': 'application/json' };
  const put = (action: string, body: object, method = 'PUT') =>
    dashboard.raw({
      method,
      path: `/ops/queues/api/queues/${boardPath(here, 'xp')}/${action}`,
      headers,
      body: JSON.stringify(body),
    });
  expect((await put('rate-limit', { max: 10, duration: 2_000 })).status).toBe(200);
  expect((await put('concurrency', { concurrency: 3 })).status).toBe(200);
  expect((await put('rate-limit', { max: null })).status).toBe(200);
  expect((await put(`${jobId}/delay`, { runAt: Date.UTC(2100, 0, 1) }, 'PATCH')).status).toBe(200);
  expect((await put(`${jobId}/delay`, { runAt: 'x' }, 'PATCH')).status).toBe(400);
  await dashboard.close();
  const entries = (await here.client.lrange(`${here.namespace}:audit`, 0, -1)).map(
    (text) => (JSON.parse(text) as { detail?: string }).detail,
  );
  expect(entries.reverse()).toEqual([
    ...['10 jobs in 2000 ms', '3 jobs at a time', 'no limit'],
    ...['until 2100-01-01T00:00:00.000Z', 'until something else than a time'],
  ]);
});
