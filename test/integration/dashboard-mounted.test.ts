import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { createDashboard } from '../../dashboard/app.js';
import { addUser, PASSWORD } from '../support/dashboard.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const MOUNT = '/tools/tally';

/** The dashboard within somebody's app. */
async function startMounted({ redis, namespace, prefix, logger }: Place) {
  const dashboard = createDashboard({ redis, namespace, prefix, logger });
  const logged: string[] = [];
  const app = express();
  app.use((request, response, next) => {
    response.once('finish', () => logged.push(request.originalUrl));
    next();
  });
  app.use(MOUNT, dashboard.app);
  app.use((_request, response) => void response.status(404).send('of the app'));
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await dashboard.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    logged,
    get: (path: string, init?: RequestInit) => fetch(origin + path, { redirect: 'manual', ...init }),
  };
}

/** All of a page that leads somewhere on this server. */
function pathsOf(page: string): string[] {
  return [
    ...page.matchAll(/(?:href|src|action)="(\/[^"]*)"/g),
    ...page.matchAll(/"(?:url|path|default)":"(\/[^"]*)"/g),
  ].map(([, path = '']) => path);
}

test('under a path of somebody’s app, all that a page leads to is under that path, and is there', async () => {
  const { get, logged } = await startMounted(place());
  expect((await get(`${MOUNT}/`)).headers.get('location')).toBe(`${MOUNT}/ops`);
  expect(logged).toContain(`${MOUNT}/`);
  for (const page of [
    '/ops',
    '/ops/failures',
    '/ops/keys',
    '/ops/audit',
    '/ops/schedules',
    '/ops/webhooks',
    '/ops/queues',
  ]) {
    const answer = await get(MOUNT + page);
    expect(answer.status).toBe(200);
    const paths = pathsOf(await answer.text());
    expect(paths.length, page).toBeGreaterThan(3);
    for (const path of paths.filter((it) => !it.includes('sign-out'))) {
      expect(path, page).toMatch(/^\/tools\/tally\/ops/);
      expect((await get(path)).status, `${page} leads to ${path}`).toBeLessThan(400);
    }
  }
  const odd = await (await get(`${MOUNT}/ops/keys?key=${encodeURIComponent('/ops/a="/ops/b')}`)).text();
  expect(odd, 'a key that looks like a path').toContain('value="/ops/a=&quot;/ops/b"');
  expect((await get('/ops/queues')).status, 'what is not under it is the app’s').toBe(404);
});

test('people sign in there, and come back to where they wanted to go', async () => {
  const here = place();
  await addUser(here, 'olaf', 'operator');
  const { get } = await startMounted(here);
  const refused = await get(`${MOUNT}/ops/keys?key=a`, { headers: { accept: 'text/html' } });
  const signIn = refused.headers.get('location') ?? '';
  expect(signIn).toBe(`${MOUNT}/ops/sign-in?to=%2Fops%2Fkeys%3Fkey%3Da`);
  const answer = await get(signIn, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ name: 'olaf', password: PASSWORD, to: '/ops/keys?key=a' }),
  });
  expect(answer.headers.get('location')).toBe(`${MOUNT}/ops/keys?key=a`);
  const [cookie = ''] = answer.headers.getSetCookie();
  expect(cookie).toContain(`; Path=${MOUNT}/ops;`);
  const signedIn = { headers: { cookie: cookie.split(';')[0] ?? '' } };
  expect((await get(`${MOUNT}/ops/keys?key=a`, signedIn)).status).toBe(200);
});
