import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { createDashboard } from '../../dashboard/app.js';
import { boardPath } from '../support/board.js';
import { addUser, PASSWORD, startDashboard } from '../support/dashboard.js';
import { startUp } from '../support/command.js';
import { startApi } from '../support/http-api.js';
import { startReverseProxy } from '../support/reverse-proxy.js';
import { place } from '../support/tally.js';

const BASE = '/tools/tally';

/** All paths of the site that a page names. */
function pathsIn(page: string): string[] {
  return [...page.matchAll(/ (?:href|src|action)="(\/[^"]*)"/g)].map(([, path = '']) => path);
}

/** It also says who has signed in. */
const PROXY = { addresses: ['127.0.0.1'], userHeader: 'X-User', roleHeader: 'X-Role' };
const ANN = { 'x-user': 'ann', 'x-role': 'operator' };

const WAYS = [
  ['passes the path on', { strips: false }, { basePath: BASE }],
  ['takes it off and says so', { strips: true }, { proxy: PROXY }],
] as const;

test.each(WAYS)(
  'behind a proxy that %s, every page, link and redirect of the dashboard stays below it',
  async (_, way, options) => {
    const here = place();
    const { origin } = await startDashboard(here, options);
    const site = await startReverseProxy(origin, { base: BASE, ...way });
    const get = (path: string, headers = {}) =>
      fetch(site + path, { redirect: 'manual', headers: { accept: 'text/html', ...ANN, ...headers } });

    expect((await get(`${BASE}/`)).headers.get('location')).toBe(`${BASE}/ops`);
    for (const path of ['/ops/audit', '/ops/keys', '/ops/keys?key=a', '/ops/schedules', '/ops/webhooks', '/ops/find']) {
      const answer = await get(BASE + path);
      const paths = pathsIn(await answer.text());
      expect({ path, status: answer.status }).toEqual({ path, status: 200 });
      expect(paths.length).toBeGreaterThan(5);
      expect(paths.filter((it) => !it.startsWith(`${BASE}/ops`))).toEqual([]);
    }
    const board = await (await get(`${BASE}/ops/queues/`)).text();
    expect(board).toContain(`<base href="${BASE}/ops/queues/"`);
    expect(board).not.toMatch(/"\/ops/);
    const [script = ''] = /static\/js\/main[^"]*/.exec(board) ?? [];
    expect((await get(`${BASE}/ops/queues/${script}`)).status).toBe(200);
    expect((await get(`${BASE}/ops/queues/api/queues`, { accept: 'application/json' })).status).toBe(200);
    const icon = pathsIn(board).find((path) => path.endsWith('.svg')) ?? '';
    expect((await get(icon)).status).toBe(200);
  },
);

test.each(WAYS)(
  'behind a proxy that %s, people sign in, and their cookie is for the dashboard alone',
  async (_, way, options) => {
    const here = place();
    await addUser(here, 'ann', 'operator');
    const { origin } = await startDashboard(here, options);
    const site = await startReverseProxy(origin, { base: BASE, ...way });
    const stranger = await fetch(`${site}${BASE}/ops/audit`, { redirect: 'manual', headers: { accept: 'text/html' } });
    const signIn = stranger.headers.get('location') ?? '';
    expect(signIn).toBe(`${BASE}/ops/sign-in?to=%2Fops%2Faudit`);
    const signedIn = await fetch(site + `${BASE}/ops/sign-in`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ name: 'ann', password: PASSWORD, to: '/ops/audit' }).toString(),
    });
    expect(signedIn.headers.get('location')).toBe(`${BASE}/ops/audit`);
    const cookie = signedIn.headers.get('set-cookie') ?? '';
    expect(cookie).toContain(`; Path=${BASE}/ops;`);
    const page = await fetch(`${site}${BASE}/ops/audit`, { headers: { cookie: cookie.split(';')[0] ?? '' } });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('ann');
  },
);

test('the keys of a job on the board lie below the base path, and what its data holds stays as it is', async () => {
  const here = place();
  const key = here.key('"externalUrl":{"displayText":"Keys","href":"/ops/find');
  const { jobId } = await here.producer().counters.increment({ key }, { delay: 60_000 });
  const { origin } = await startDashboard(here, { basePath: BASE });
  const path = `${BASE}/ops/queues/api/queues/${boardPath(here, 'counters')}/${jobId}`;
  const text = await (await fetch(origin + path)).text();
  const { job } = JSON.parse(text) as { job: { externalUrl: { href: string } } };
  expect(job.externalUrl.href).toBe(`${BASE}/ops/find?update=${jobId}.0`);
  expect((await fetch(origin + job.externalUrl.href)).status).toBe(200);
  expect(text).toContain(JSON.stringify(key));
});

test('a prefix that does not come from a proxy, or is no path, means nothing', async () => {
  const here = place();
  const stranger = await startDashboard(here);
  const trusted = await startDashboard(here, { proxy: PROXY });
  const located = async (origin: string, prefix: string) =>
    (await fetch(`${origin}/`, { redirect: 'manual', headers: { ...ANN, 'x-forwarded-prefix': prefix } })).headers.get(
      'location',
    );
  expect(await located(stranger.origin, '/evil')).toBe('/ops');
  expect(await located(trusted.origin, '/good')).toBe('/good/ops');
  for (const prefix of [
    '//evil.example',
    '/a"onload=x',
    'https://evil.example',
    '/..//x',
    '/a/?b',
    `/${'a'.repeat(300)}`,
    '/a b',
  ]) {
    expect({ prefix, location: await located(trusted.origin, prefix) }).toEqual({ prefix, location: '/ops' });
  }
});

test('a prefix that a client smuggles through a proxy takes nothing off the path', async () => {
  const rootOf = await startDashboard(place(), { proxy: PROXY });
  const below = await startDashboard(place(), { proxy: PROXY, basePath: BASE });
  const statusOf = async ({ origin }: { origin: string }, prefix: string, path: string) =>
    (await fetch(origin + path, { headers: { ...ANN, 'x-forwarded-prefix': prefix } })).status;
  expect(await statusOf(rootOf, '/public', '/public/ops/audit')).toBe(404);
  expect(await statusOf(rootOf, '/ops', '/ops/audit')).toBe(200); // a base that a path of the app begins with, too
  expect(await statusOf(below, '/public', '/public/ops/audit')).toBe(404);
  expect(await statusOf(below, '/public', `${BASE}/ops/audit`)).toBe(200);
  expect(await statusOf(below, '/', `${BASE}/ops/audit`)).toBe(200);
});

test('what only begins like the base path is not below it', async () => {
  const { origin } = await startDashboard(place(), { basePath: '/tally' });
  expect((await fetch(`${origin}/tallyho/ops/audit`)).status).toBe(404);
  expect((await fetch(`${origin}/tally/ops/audit`)).status).toBe(200);
  expect((await fetch(`${origin}/healthz`)).status).toBe(200); // probes come without a proxy
});

test.each([
  ['passes the path on', { strips: false }, { basePath: BASE }],
  ['takes it off and says so', { strips: true }, { proxies: ['127.0.0.1'] }],
] as const)(
  'behind a proxy that %s, the API answers, and its document and page name where',
  async (_, way, options) => {
    const here = place();
    const { origin } = await startApi(here, options);
    const site = await startReverseProxy(origin, { base: BASE, ...way });
    const posted = await fetch(`${site}${BASE}/v1/updates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ operation: 'counter.increment', params: { key: here.key('n') } }),
    });
    expect(posted.status).toBe(202);
    const { servers } = (await (await fetch(`${site}${BASE}/openapi.json`)).json()) as { servers: unknown };
    expect(servers).toEqual([{ url: BASE }]);
    const docs = await fetch(`${site}${BASE}/docs`, { redirect: 'manual' });
    expect(docs.headers.get('location')).toBe(`${BASE}/docs/`);
    const script = await (await fetch(`${site}${BASE}/docs/swagger-initializer.js`)).text();
    const [, url = ''] = /url: '([^']+)'/.exec(script) ?? [];
    expect((await fetch(new URL(url, `${site}${BASE}/docs/`))).status).toBe(200);
  },
);

test('a dashboard that is mounted in another app lies below that path', async () => {
  const { redis, namespace, prefix, logger } = place();
  const dashboard = createDashboard({ redis, namespace, prefix, logger });
  const server = createServer(express().use('/mounted', dashboard.app)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
    await dashboard.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const page = await fetch(`${origin}/mounted/ops/audit`);
  expect(page.status).toBe(200);
  expect(pathsIn(await page.text()).filter((path) => !path.startsWith('/mounted/ops'))).toEqual([]);
  const redirected = await fetch(`${origin}/mounted/`, { redirect: 'manual' });
  expect(redirected.headers.get('location')).toBe('/mounted/ops');
});

test('tally up serves all below TALLY_BASE_PATH', async () => {
  const { redis, namespace, prefix } = place();
  const names = { REDIS_URL: redis, TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix };
  const up = await startUp({ ...names, TALLY_BASE_PATH: `${BASE}/` });
  const [, origin = ''] = /dashboard +(http:\/\/[^/"]+)/.exec(up.output.stdout) ?? [];
  const statuses = await Promise.all(
    ['/ops/audit', '/v1/operations', '/openapi.json', '/docs/', '/healthz'].map(
      async (path) => (await fetch(origin + BASE + path)).status,
    ),
  );
  expect(statuses).toEqual([200, 200, 200, 200, 200]);
  const root = await fetch(`${origin}${BASE}/`, { redirect: 'manual' });
  expect(root.headers.get('location')).toBe(`${BASE}/ops`);
});
