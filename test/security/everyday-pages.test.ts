import { expect, test } from 'vitest';
import { findLink, revertPath } from '../../dashboard/cells/links.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import type { RawRequest, RunningDashboard } from '../support/dashboard.js';
import { addJobs, storedData } from '../support/dashboard-jobs.js';
import { openQueue } from '../support/queues.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** Attempts on the pages of everyday jobs: failed updates, what waits, undo, workers, keys and schedules. */

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

interface Scene {
  readonly here: Place;
  readonly dashboard: RunningDashboard;
  /** Of an update that was applied. */
  readonly applied: string;
  readonly viewer: string;
  readonly operator: string;
}

async function scene(): Promise<Scene> {
  const here = place();
  const { completed } = await addJobs(here);
  await Promise.all([addUser(here, 'vera', 'viewer'), addUser(here, 'olaf', 'operator')]);
  const dashboard = await startDashboard(here);
  const [viewer, operator] = await Promise.all([dashboard.signIn('vera'), dashboard.signIn('olaf')]);
  return { here, dashboard, applied: `${completed}.0`, viewer, operator };
}

/** Everything that changes anything, as the page itself would send it. */
function changesOf(applied: string): readonly (readonly [path: string, fields: Record<string, string>])[] {
  return [
    ['/ops/failures/retry', {}],
    ['/ops/failures/retry', { operation: 'counter.*' }],
    ['/ops/failures/remove', { updates: '1' }],
    ['/ops/remove-waiting', { queue: 'counters', state: 'waiting', updates: '1' }],
    ['/ops/remove-waiting', { queue: 'counters', state: 'delayed', updates: '1' }],
    [revertPath(applied), {}],
    ['/ops/workers', { process: 'any:1:worker', order: 'stop' }],
  ];
}

async function statusesOf({ dashboard }: Scene, requests: readonly RawRequest[]): Promise<number[]> {
  const statuses: number[] = [];
  for (const request of requests) {
    statuses.push((await dashboard.raw(request)).status);
  }
  return statuses;
}

const post = (path: string, fields: Record<string, string>, headers: Record<string, string>): RawRequest => ({
  method: 'POST',
  path,
  headers: { ...FORM, ...headers },
  body: new URLSearchParams(fields).toString(),
});

/** Sends them all, and expects that each is refused so and nothing is changed. */
async function expectAll(all: Scene, status: number, requests: readonly RawRequest[]): Promise<void> {
  const before = await storedData(all.here);
  expect(await statusesOf(all, requests)).toEqual(requests.map(() => status));
  expect(await storedData(all.here)).toEqual(before);
}

test('a viewer changes nothing, by whatever method or header', async () => {
  const all = await scene();
  const cookie = { cookie: all.viewer };
  const sent = changesOf(all.applied).flatMap(([path, fields]) => [
    post(path, fields, cookie),
    { ...post(path, fields, cookie), method: 'PUT' },
    post(path, fields, { ...cookie, 'x-forwarded-role': 'operator', 'x-http-method-override': 'GET' }),
    post(`${path}/`, fields, cookie),
  ]);
  await expectAll(all, 403, sent);
});

test('nobody changes anything without a session, also with that of somebody made up', async () => {
  const all = await scene();
  const sent = changesOf(all.applied).flatMap(([path, fields]) => [
    post(path, fields, {}),
    post(path, fields, { cookie: 'tally-session=s%3Aolaf.made-up' }),
  ]);
  await expectAll(all, 401, sent);
});

test('another site changes nothing with the session of an operator', async () => {
  const all = await scene();
  const cookie = { cookie: all.operator };
  const sent = changesOf(all.applied).flatMap(([path, fields]) => [
    post(path, fields, { ...cookie, 'sec-fetch-site': 'cross-site' }),
    post(path, fields, { ...cookie, 'sec-fetch-site': 'same-site' }),
    post(path, fields, { ...cookie, origin: 'https://elsewhere.example' }),
    post(path, fields, { ...cookie, origin: 'null' }),
  ]);
  await expectAll(all, 403, sent);
});

test('what changes something does nothing when it is only looked at', async () => {
  const all = await scene();
  const counts = () => openQueue(all.here).getJobCounts('failed', 'completed', 'wait', 'delayed');
  const before = await counts();
  expect(before).toEqual({ failed: 1, completed: 1, wait: 1, delayed: 1 });
  for (const [path, fields] of changesOf(all.applied)) {
    const query = new URLSearchParams(fields).toString();
    await all.dashboard.raw({ path: `${path}?${query}`, headers: { cookie: all.operator } });
  }
  expect(await counts()).toEqual(before);
});

/** What could be too much, too slow, or another file. */
const ODD: readonly (readonly [what: string, path: string, statuses: readonly number[]])[] = [
  ['a pattern that could take for ever', `/ops/failures?key=${encodeURIComponent('*a'.repeat(250))}`, [200]],
  ['a pattern of an operation of the same kind', `/ops/failures?operation=${'*c'.repeat(45)}`, [200]],
  ['a key that is too long', `/ops/failures?key=${'k'.repeat(5_000)}`, [400]],
  ['many keys', `/ops/failures?${'key=a&'.repeat(500)}`, [400]],
  ['a nested field', '/ops/failures?key[$gt]=&reason[]=X', [200, 400]],
  ['half a character', '/ops/failures?key=%ED%A0%80', [200, 400]],
  ['a part of the runbook above it', '/ops/runbook/..%2f..%2fpackage.json', [404]],
  ['one with a byte of zero', '/ops/runbook/TallyNoWorkers%00', [404]],
  ['jobs of the audit above it', '/ops/audit/jobs/..%2f..%2fusers', [404]],
  ['an asset above them', '/ops/assets/..%2f..%2f..%2fpackage.json', [403, 404]],
  ['an asset by two dots', '/ops/assets/../../package.json', [403, 404]],
  ['a key of Tally itself', '/ops/keys?key=NAMESPACE:users', [200, 400, 403]],
  ['an update that is a path', findLink('../../users'), [200, 400, 404]],
  ['one that is a pattern', findLink('*'), [200, 400, 404]],
];

test.each(ODD)(
  '%s is answered in time, and tells nothing of other files or of passwords',
  async (_what, path, statuses) => {
    const all = await scene();
    const startedAtMs = performance.now();
    const { status, body } = await all.dashboard.raw({
      path: path.replace('NAMESPACE', all.here.namespace),
      headers: { cookie: all.viewer, accept: 'text/html' },
    });
    expect(statuses).toContain(status);
    expect(performance.now() - startedAtMs).toBeLessThan(20_000);
    expect(body).not.toMatch(/scrypt|"devDependencies"/);
  },
);

test('a form that is too large, or holds too many fields, changes nothing', async () => {
  const all = await scene();
  const cookie = { cookie: all.operator };
  const fields = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, 'x']));
  await expectAll(all, 413, [
    post('/ops/failures/remove', { key: 'k'.repeat(20_000), updates: '1' }, cookie),
    post('/ops/failures/remove', { ...fields, updates: '1' }, cookie),
    post('/ops/remove-waiting', { queue: 'q'.repeat(5_000), state: 'waiting', updates: '1' }, cookie),
    post('/ops/workers', { process: 'p'.repeat(5_000), order: 'stop' }, cookie),
  ]);
});

test('a queue, a state, a process or an order that there is not leads nowhere', async () => {
  const all = await scene();
  const cookie = { cookie: all.operator };
  await expectAll(all, 404, [
    post('/ops/remove-waiting', { queue: '../counters', state: 'waiting', updates: '1' }, cookie),
    post('/ops/remove-waiting', { queue: 'counters', state: 'completed', updates: '1' }, cookie),
    post('/ops/remove-waiting', { queue: '__proto__', state: 'waiting', updates: '0' }, cookie),
    post('/ops/workers', { process: 'any:1:worker', order: 'quiet' }, cookie),
    post('/ops/workers', { process: 'any:1:worker', order: 'kill' }, cookie),
    post(revertPath('no-such-update'), {}, cookie),
  ]);
});
