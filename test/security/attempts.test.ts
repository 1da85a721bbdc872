import { expect, test } from 'vitest';
import { addUser, PASSWORD, signInRequest, startDashboard } from '../support/dashboard.js';
import type { RawRequest, RunningDashboard } from '../support/dashboard.js';
import { addJobs, storedData } from '../support/dashboard-jobs.js';
import type { Jobs } from '../support/dashboard-jobs.js';
import { boardRequests } from '../support/dashboard-routes.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** Statuses by which nothing is let through; 303 leads to the sign-in page. */
const REFUSALS = [303, 400, 401, 403, 404, 405, 413, 429];

interface Attempt extends RawRequest {
  readonly what: string;
}

interface Scene {
  readonly here: Place;
  readonly dashboard: RunningDashboard;
  readonly jobs: Jobs;
  readonly viewer: string;
  readonly operator: string;
}

/** A dashboard with a viewer and an operator, and jobs in every state. */
async function scene(): Promise<Scene> {
  const here = place();
  const jobs = await addJobs(here);
  await Promise.all([addUser(here, 'vera', 'viewer'), addUser(here, 'olaf', 'operator')]);
  const dashboard = await startDashboard(here);
  const [viewer, operator] = await Promise.all([dashboard.signIn('vera'), dashboard.signIn('olaf')]);
  return { here, dashboard, jobs, viewer, operator };
}

/** Every route of the board for every job and status that there is. */
function everyBoardRequest({ jobs }: Scene) {
  const all = Object.entries(jobs).flatMap(([state, jobId]) =>
    boardRequests({
      queueName: 'counters',
      queueStatus: state === 'waiting' ? 'wait' : state,
      jobId,
      schedulerId: 'nightly',
    }),
  );
  return [...new Map(all.map((request) => [`${request.method} ${request.path}`, request])).values()];
}

const changes = ({ method }: RawRequest) => method !== 'GET';

/** Sends each, and expects that none is let through and nothing is changed. */
async function expectRefused({ here, dashboard }: Scene, attempts: readonly Attempt[]): Promise<void> {
  const before = await storedData(here);
  const letThrough: unknown[] = [];
  for (const { what, ...request } of attempts) {
    const { status, headers, body } = await dashboard.raw(request);
    const leadsToBoard = (headers.location ?? '/ops/sign-in').startsWith('/ops/sign-in');
    if (!REFUSALS.includes(status) || !leadsToBoard || body.includes('__UI_CONFIG__')) {
      letThrough.push({ what, request, status, body: body.slice(0, 200) });
    }
  }
  expect(letThrough).toEqual([]);
  expect(await storedData(here)).toEqual(before);
}

const json = { 'content-type': 'application/json' };
const PAUSE = '/ops/queues/api/queues/counters/pause';

test('every route of the board is closed to those who have not signed in', async () => {
  const all = await scene();
  const requests = everyBoardRequest(all);
  expect(requests.filter(changes).length).toBeGreaterThan(40);
  const pages = ['/', '/ops', '/ops/', '/ops/queues', '/ops/queues/', '/ops/queues/queue/counters', '/ops/audit'];
  await expectRefused(all, [
    ...requests.map((request) => ({
      what: 'no cookie',
      headers: json,
      body: changes(request) ? '{}' : '',
      ...request,
    })),
    ...[...pages, '/ops/keys', '/ops/queues/static/../', '/ops/nowhere'].map((path) => ({ what: 'a page', path })),
  ]);
});

test('every route of the board that changes anything is closed to a viewer', async () => {
  const all = await scene();
  const headers = { ...json, cookie: all.viewer };
  const requests = everyBoardRequest(all);
  await expectRefused(all, [
    ...requests.filter(changes).map((request) => ({ what: 'viewer', headers, body: '{}', ...request })),
    // What the board only reads by GET, asked for by every other method.
    ...requests.flatMap(({ path }) =>
      ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => ({ what: 'viewer', method, path, headers })),
    ),
    ...['GET', 'POST'].map((method) => ({
      what: 'a method in a header',
      method: 'POST',
      path: PAUSE,
      headers: { ...headers, 'x-http-method-override': method === 'GET' ? 'PUT' : 'GET', 'x-method-override': 'PUT' },
    })),
    { what: 'a method in the query', method: 'POST', path: `${PAUSE}?_method=PUT`, headers },
  ]);
  const before = await storedData(all.here);
  for (const request of [...requests.filter((it) => !changes(it)), { path: '/ops/audit' }, { path: '/ops/queues' }]) {
    const { status } = await all.dashboard.raw({ ...request, headers });
    expect({ request, isOpen: status === 200 || status === 404 }).toEqual({ request, isOpen: true });
  }
  expect(await storedData(all.here)).toEqual(before);
});

test('an operator gets to every route of the board, so the refusals above are not those of wrong requests', async () => {
  const all = await scene();
  const statuses = new Set<number>();
  for (const request of everyBoardRequest(all).filter(changes)) {
    const { status } = await all.dashboard.raw({ headers: { ...json, cookie: all.operator }, body: '{}', ...request });
    statuses.add(status);
  }
  expect([401, 403].filter((status) => statuses.has(status))).toEqual([]);
  expect([...statuses]).toEqual(expect.arrayContaining([200, 204]));
  expect(await all.here.client.exists(`${all.here.prefix}:counters:${all.jobs.waiting}`)).toBe(0);
});

const FORGED: readonly (readonly [string, Record<string, string>])[] = [
  ['a role alone', { 'x-forwarded-role': 'operator' }],
  ['a user and a role', { 'x-forwarded-user': 'olaf', 'x-forwarded-role': 'operator' }],
  ['other names of them', { 'x-remote-user': 'olaf', 'remote-user': 'olaf', 'x-role': 'operator', role: 'operator' }],
  ['groups', { 'x-auth-request-user': 'olaf', 'x-auth-request-groups': 'operator', 'x-webauth-user': 'olaf' }],
  ['a password in a header', { authorization: `Basic ${Buffer.from(`olaf:${PASSWORD}`).toString('base64')}` }],
  ['a token', { authorization: 'Bearer olaf' }],
  ['this machine as the caller', { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1', 'x-real-ip': '::1' }],
  ['localhost as the host', { host: 'localhost', 'x-forwarded-host': 'localhost' }],
  ['another path', { 'x-original-url': '/ops/pages.css', 'x-rewrite-url': '/ops/sign-in' }],
];

test('headers that say who comes let nobody in, and make no viewer an operator', async () => {
  const all = await scene();
  const attempts = FORGED.flatMap(([what, forged]) => [
    { what, method: 'PUT', path: PAUSE, headers: { ...json, ...forged } },
    { what, method: 'PUT', path: PAUSE, headers: { ...json, ...forged, cookie: all.viewer } },
    { what, path: '/ops/queues/api/queues', headers: forged },
    { what, path: '/ops/audit', headers: forged },
  ]);
  await expectRefused(all, attempts);
});

const OTHER_SITES: readonly (readonly [string, Record<string, string>])[] = [
  ['another site', { 'sec-fetch-site': 'cross-site' }],
  ['a sister site', { 'sec-fetch-site': 'same-site' }],
  ['nonsense', { 'sec-fetch-site': 'SAME-ORIGIN' }],
  ['the origin of another site', { origin: 'https://elsewhere.example' }],
  ['no origin', { origin: 'null' }],
  ['another port', { origin: 'http://127.0.0.1:1' }],
  ['a name that begins alike', { origin: 'http://127.0.0.1.elsewhere.example' }],
  ['an origin within an origin', { origin: 'http://elsewhere.example/127.0.0.1' }],
];

test('what another site has the browser of an operator send changes nothing, and signs nobody in or out', async () => {
  const all = await scene();
  const form = { 'content-type': 'application/x-www-form-urlencoded', cookie: all.operator };
  const attempts = OTHER_SITES.flatMap(([what, from]) => [
    { what, method: 'PUT', path: PAUSE, headers: { cookie: all.operator, ...from } },
    { what, method: 'POST', path: PAUSE.replace('pause', 'add'), headers: { ...form, ...from }, body: 'name=xp.award' },
    { what, method: 'POST', path: '/ops/sign-out', headers: { ...form, ...from }, body: '' },
    { what, ...signInRequest('vera', PASSWORD, from) },
  ]);
  await expectRefused(all, attempts);
  const { status } = await all.dashboard.raw({ path: '/ops/queues/api/queues', headers: { cookie: all.operator } });
  expect(status).toBe(200); // still signed in
});

/** Ways to write the path of a change so that something that looks at paths might miss it. */
const PATH_TRICKS = [
  `/${PAUSE}`,
  PAUSE.replace('/ops', '//ops'),
  PAUSE.replace('/queues/api', '//queues//api'),
  `${PAUSE}/`,
  `${PAUSE}//`,
  `${PAUSE}?`,
  `${PAUSE}?/ops/sign-in`,
  `${PAUSE}#/ops/sign-in`,
  `${PAUSE};/ops/pages.css`,
  PAUSE.toUpperCase(),
  PAUSE.replace('/ops', '/Ops'),
  PAUSE.replace('/ops', '/%6fps'),
  PAUSE.replace('/ops', '/%6Fp%73'),
  PAUSE.replace('/pause', '%2fpause'),
  PAUSE.replace('/pause', '%252fpause'),
  PAUSE.replace('/api', '%2Fapi'),
  PAUSE.replace('/pause', '\\pause'),
  PAUSE.replace('/counters', '/./counters'),
  PAUSE.replace('/ops', '/ops/sign-in/..'),
  PAUSE.replace('/ops', '/ops/sign-in/%2e%2e'),
  PAUSE.replace('/ops', '/ops/sign-in/%2e%2e%2f'),
  PAUSE.replace('/ops', '/ops/pages.css/..'),
  PAUSE.replace('/queues/api', '/queues/static/../api'),
  PAUSE.replace('/queues/api', '/queues/static/%2e%2e/api'),
  PAUSE.replace('/ops', '/./ops'),
  PAUSE.replace('/ops', '/x/../ops'),
  `/ops/sign-in${PAUSE}`,
  `/ops/sign-in/${PAUSE}`,
  `/ops/pages.css${PAUSE}`,
  `/ops/sign-in%00${PAUSE}`,
  `${PAUSE}%00`,
  `${PAUSE}%0d%0ax: y`.replace(' ', '%20'),
  `${PAUSE}%E0%A4%A`,
  `http://127.0.0.1${PAUSE}`,
  `http://elsewhere.example${PAUSE}`,
];

test('no way to write a path leads past the sign-in or the role', async () => {
  const all = await scene();
  const attempts = PATH_TRICKS.flatMap((path) => [
    ...[{}, { cookie: all.viewer }].flatMap((cookie) =>
      ['PUT', 'POST'].map((method) => ({ what: 'a change', method, path, headers: { ...json, ...cookie } })),
    ),
    { what: 'a read', path: path.replace('/counters/pause', '') },
    { what: 'a page', path: path.replace('/counters/pause', ''), headers: { accept: 'text/html' } },
  ]);
  await expectRefused(all, attempts);
});

test('a cookie that was made up or changed is none', async () => {
  const all = await scene();
  const [name = '', value = ''] = all.operator.split('=');
  const [id = '', signature = ''] = decodeURIComponent(value).replace(/^s:/, '').split('.');
  const [viewerId = ''] = decodeURIComponent(all.viewer.split('=')[1]!).replace(/^s:/, '').split('.');
  const flipped = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
  const values = [
    '',
    's:',
    's:.',
    'j:{"user":{"name":"olaf"}}',
    's:__proto__.x',
    's:../../users.x',
    id,
    `s:${id}`,
    `s:${id}.`,
    `s:${id}.${flipped}`,
    `s:${id.slice(0, -1)}.${signature}`,
    `s:${viewerId}.${signature}`,
    `s:${id}.${signature}x`,
    `s:${'a'.repeat(4_000)}.${signature}`,
  ];
  await expectRefused(all, [
    ...values.map((it) => ({
      what: 'a cookie',
      method: 'PUT',
      path: PAUSE,
      headers: { cookie: `${name}=${encodeURIComponent(it)}` },
    })),
    {
      what: 'the cookie of a viewer before',
      method: 'PUT',
      path: PAUSE,
      headers: { cookie: `${all.viewer}; ${all.operator}` },
    },
    { what: 'another name', method: 'PUT', path: PAUSE, headers: { cookie: `connect.sid=${value}` } },
  ]);
});
