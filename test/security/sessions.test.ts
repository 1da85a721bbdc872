import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { attemptLimits } from '../../dashboard/access/attempts.js';
import { hashPassword } from '../../dashboard/access/password.js';
import { nameOf } from '../../dashboard/access/sign-in.js';
import { changeUser } from '../../dashboard/access/user.js';
import type { User } from '../../dashboard/access/user.js';
import { addUser, cookieOf, PASSWORD, signInRequest, startDashboard, withUsers } from '../support/dashboard.js';
import type { RunningDashboard } from '../support/dashboard.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** The status of a read, 200 for whoever has signed in. */
async function statusWith({ raw }: RunningDashboard, cookie: string): Promise<number> {
  return (await raw({ path: '/ops/queues/api/queues', headers: { cookie } })).status;
}

async function change(here: Place, name: string, to: (user: User) => Promise<User> | User): Promise<void> {
  await withUsers(here, async (users) => users.replace(await to((await users.find(name))!)));
}

test('who signs in gets where they wanted to go, with a cookie that no script and no other site can use', async () => {
  const here = place();
  await addUser(here, 'vera', 'viewer');
  const { raw } = await startDashboard(here);
  const wanted = await raw({ path: '/ops/audit?a=1', headers: { accept: 'text/html' } });
  expect(wanted).toMatchObject({ status: 303, headers: { location: '/ops/sign-in?to=%2Fops%2Faudit%3Fa%3D1' } });
  const page = await raw({ path: wanted.headers.location! });
  expect(page.status).toBe(200);
  expect(page.body).toContain('name="to" value="/ops/audit?a=1"');
  expect(page.headers['set-cookie']).toBeUndefined();

  const signedIn = await raw(signInRequest('vera', PASSWORD, {}, '/ops/audit?a=1'));
  expect(signedIn).toMatchObject({ status: 303, headers: { location: '/ops/audit?a=1', 'cache-control': 'no-store' } });
  const [cookie = ''] = signedIn.headers['set-cookie'] ?? [];
  expect(cookie).toMatch(/^tally_session=s%3A[\w-]{43}\.[^;]+; Path=\/ops; Expires=[^;]+; HttpOnly; SameSite=Strict$/);
  const audit = await raw({ path: '/ops/audit', headers: { cookie: cookieOf(signedIn) } });
  expect(audit.body).toContain('vera <span class="tag">viewer</span>');
  expect(await raw({ path: '/ops/sign-in', headers: { cookie: cookieOf(signedIn) } })).toMatchObject({
    status: 303,
    headers: { location: '/ops' },
  });
});

test('after signing in nobody is led to another site', async () => {
  const here = place();
  await addUser(here, 'vera', 'viewer');
  const dashboard = await startDashboard(here);
  const headers = { cookie: await dashboard.signIn('vera') };
  const elsewhere = [
    '//elsewhere.example/ops/',
    'https://elsewhere.example/ops/',
    '/\\elsewhere.example/ops/',
    'javascript:alert(1)',
    '/ops/..//elsewhere.example',
    '\t//elsewhere.example/ops/',
    '/opsx',
    'ops:/ops/x',
    '',
  ];
  for (const to of elsewhere) {
    const path = `/ops/sign-in?${new URLSearchParams({ to }).toString()}`;
    const answer = await dashboard.raw({ path, headers });
    expect({ to, location: answer.headers.location }).toEqual({ to, location: '/ops' });
  }
  const answer = await dashboard.raw(signInRequest('vera', PASSWORD, {}, '//elsewhere.example/ops/'));
  expect(answer).toMatchObject({ status: 303, headers: { location: '/ops' } });
});

test('over TLS that a known proxy ends the cookie is for TLS alone, and from others such words mean nothing', async () => {
  const here = place();
  await addUser(here, 'vera', 'viewer');
  const isSecure = async (addresses: string[]) => {
    const { raw } = await startDashboard(here, { proxy: { addresses } });
    const answer = await raw(signInRequest('vera', PASSWORD, { 'x-forwarded-proto': 'https' }));
    return answer.headers['set-cookie']?.[0]?.includes('; Secure');
  };
  expect([await isSecure(['127.0.0.0/8']), await isSecure(['10.0.0.5'])]).toEqual([true, false]);
});

test('signing in begins a new session, so one that was planted before is worth nothing', async () => {
  const here = place();
  await Promise.all([addUser(here, 'vera', 'viewer'), addUser(here, 'olaf', 'operator')]);
  const dashboard = await startDashboard(here);
  const planted = await dashboard.signIn('vera');
  const answer = await dashboard.raw(signInRequest('olaf', PASSWORD, { cookie: planted }));
  const own = cookieOf(answer);
  expect(own).not.toBe(planted);
  expect([await statusWith(dashboard, planted), await statusWith(dashboard, own)]).toEqual([401, 200]);

  const madeUp = 'tally_session=s%3Aplanted.planted';
  const after = cookieOf(await dashboard.raw(signInRequest('olaf', PASSWORD, { cookie: madeUp })));
  expect(after).not.toContain('planted');
  expect(await statusWith(dashboard, madeUp)).toBe(401);
});

test('a session ends with its sign-out, and others of the same user go on', async () => {
  const here = place();
  await addUser(here, 'vera', 'viewer');
  const dashboard = await startDashboard(here);
  const [one, other] = [await dashboard.signIn('vera'), await dashboard.signIn('vera')];
  expect((await dashboard.raw({ path: '/ops/sign-out', headers: { cookie: one } })).body).toContain(
    'vera is signed in',
  );
  expect(await statusWith(dashboard, one)).toBe(200); // to look at that page does not sign out
  const signedOut = await dashboard.raw({ method: 'POST', path: '/ops/sign-out', headers: { cookie: one } });
  expect(signedOut).toMatchObject({ status: 303, headers: { location: '/ops/sign-in' } });
  expect([await statusWith(dashboard, one), await statusWith(dashboard, other)]).toEqual([401, 200]);
});

test.each([
  ['is removed', (here: Place) => withUsers(here, (users) => users.remove('olaf'))],
  ['has another role', (here: Place) => change(here, 'olaf', (user) => changeUser(user, { role: 'viewer' }))],
  [
    'has another password',
    (here: Place) =>
      change(here, 'olaf', async (user) => changeUser(user, { password: await hashPassword('another horse') })),
  ],
  [
    'is removed and added again',
    async (here: Place) => {
      await withUsers(here, (users) => users.remove('olaf'));
      await addUser(here, 'olaf', 'operator');
    },
  ],
])('all sessions of a user end at once when the user %s', async (_, act) => {
  const here = place();
  await Promise.all([addUser(here, 'olaf', 'operator'), addUser(here, 'vera', 'viewer')]);
  const dashboard = await startDashboard(here);
  const [one, two, other] = [
    await dashboard.signIn('olaf'),
    await dashboard.signIn('olaf'),
    await dashboard.signIn('vera'),
  ];
  await act(here);
  expect(await Promise.all([one, two, other].map((cookie) => statusWith(dashboard, cookie)))).toEqual([401, 401, 200]);
});

test('a dashboard whose last user is removed goes on asking, and one started later is open to this machine', async () => {
  const here = place();
  await addUser(here, 'olaf', 'operator');
  const dashboard = await startDashboard(here);
  const cookie = await dashboard.signIn('olaf');
  await withUsers(here, (users) => users.remove('olaf'));
  expect([await statusWith(dashboard, cookie), await statusWith(dashboard, '')]).toEqual([401, 401]);
  const later = await startDashboard(here);
  expect(await statusWith(later, '')).toBe(200);
  await addUser(here, 'vera', 'viewer');
  expect(await statusWith(later, '')).toBe(401);
});

test('sessions outlive a restart, hold on every dashboard, and end 12 hours after the sign-in', async () => {
  const here = place();
  await addUser(here, 'vera', 'viewer');
  const first = await startDashboard(here);
  const cookie = await first.signIn('vera');
  const [key = ''] = await here.client.keys(`${here.namespace}:session:*`);
  await here.client.pexpire(key, 5_000_000);
  await first.close();
  const second = await startDashboard(here);
  expect(await statusWith(second, cookie)).toBe(200);
  expect(await here.client.pttl(key)).toBeLessThanOrEqual(5_000_000); // to use it makes it no longer
  await second.raw(signInRequest('vera', PASSWORD));
  const lives = await Promise.all(
    (await here.client.keys(`${here.namespace}:session:*`)).map((it) => here.client.pttl(it)),
  );
  expect(Math.max(...lives)).toBeGreaterThan(12 * 3_600_000 - 60_000);
  expect(Math.max(...lives)).toBeLessThanOrEqual(12 * 3_600_000);
});

test('whoever reads all of Redis finds no password and nothing to make a cookie of', async () => {
  const here = place();
  await addUser(here, 'vera', 'viewer');
  const dashboard = await startDashboard(here);
  const cookie = await dashboard.signIn('vera');
  const id = decodeURIComponent(cookie)
    .replace(/^tally_session=s:/, '')
    .split('.')[0]!;
  const keys = await here.client.keys(`${here.namespace}:*`);
  expect(keys.filter((key) => key.includes(':session:'))).toHaveLength(1);
  const stored = [
    ...keys,
    await here.client.get(keys.find((key) => key.includes(':session:'))!),
    ...Object.values(await here.client.hgetall(`${here.namespace}:users`)),
  ].join(' ');
  expect(stored).not.toContain(id);
  expect(stored).not.toContain(PASSWORD);
  expect(stored).toContain('"logN":15,"r":8,"p":3');
});

test('after ten wrong passwords an address is refused, the right one included, and users who signed in go on', async () => {
  const here = place();
  await Promise.all([addUser(here, 'vera', 'viewer'), addUser(here, 'olaf', 'operator')]);
  const dashboard = await startDashboard(here);
  const cookie = await dashboard.signIn('vera');
  const tries: number[] = [];
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const forged = { 'x-forwarded-for': `10.0.0.${attempt}` }; // nobody set a proxy
    tries.push(
      (await dashboard.raw(signInRequest(attempt % 2 ? 'olaf' : 'nobody', `guess ${attempt}`, forged))).status,
    );
  }
  expect(tries).toEqual(tries.map(() => 401));
  for (const request of [signInRequest('olaf', PASSWORD), signInRequest('vera', PASSWORD)]) {
    const answer = await dashboard.raw(request);
    expect(answer.status).toBe(429);
    expect(answer.body).toContain('too many attempts to sign in: try again in 15 minutes');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(60);
    expect(answer.headers['set-cookie']).toBeUndefined();
  }
  expect(await statusWith(dashboard, cookie)).toBe(200);
});

test('behind a proxy attempts are counted for each caller', async () => {
  const here = place();
  await addUser(here, 'olaf', 'operator');
  const { raw } = await startDashboard(here, { proxy: { addresses: ['127.0.0.1'] } });
  const attempt = async (password: string, from: string) =>
    (await raw(signInRequest('olaf', password, { 'x-forwarded-for': `1.2.3.4, ${from}` }))).status;
  const guesses = Array.from({ length: 12 }, (_, index) => attempt(`guess ${index}`, '10.0.0.1'));
  expect((await Promise.all(guesses)).sort()).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
  expect(await attempt(PASSWORD, '10.0.0.1')).toBe(429);
  expect(await attempt(PASSWORD, '10.0.0.2')).toBe(303);
});

test('attempts are counted for each name too, so that many addresses get no further than 50', async () => {
  const limits = attemptLimits(nameOf, (_request, response) => {
    response.sendStatus(429);
  });
  const app = express().set('trust proxy', 'loopback');
  // In place of the sign-in, which would spend half a minute on hashing.
  app.post('/', express.urlencoded({ extended: false }), ...limits.handlers, ({ body }, response) => {
    response.sendStatus((body as { password: string }).password === PASSWORD ? 204 : 401);
  });
  const server = app.listen(0, '127.0.0.1');
  onTestFinished(() => {
    limits.close();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  let addresses = 0;
  const attempt = async (name: string, password: string) => {
    const headers = { 'x-forwarded-for': `10.0.${(addresses += 1)}.1` };
    const body = new URLSearchParams({ name, password });
    return (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })).status;
  };
  for (let index = 0; index < 60; index += 1) {
    expect(await attempt('olaf', PASSWORD)).toBe(204); // right ones do not count
  }
  const statuses: number[] = [];
  for (let index = 0; index < 60; index += 1) {
    statuses.push(await attempt('olaf', 'guess'));
  }
  expect(statuses).toEqual(statuses.map((_, index) => (index < 50 ? 401 : 429)));
  expect([await attempt('olaf', PASSWORD), await attempt('vera', PASSWORD)]).toEqual([429, 204]);
});

test('it can not be told from the answer, nor from its time, whether there is a user of a name', async () => {
  const here = place();
  await addUser(here, 'olaf', 'operator');
  const { raw } = await startDashboard(here);
  const attempt = async (name: string) => {
    const before = process.cpuUsage(); // of all threads: on a busy machine the clock tells of others
    const { body } = await raw(signInRequest(name, 'not the password'));
    const { user, system } = process.cpuUsage(before);
    return { body, ms: (user + system) / 1_000 };
  };
  await attempt('the first, for whom all is loaded');
  const [known, unknown] = [await attempt('olaf'), await attempt('nobody')];
  expect(unknown.body).toBe(known.body);
  expect(unknown.ms).toBeGreaterThan(known.ms / 4);
});

test('while Redis is unreachable nobody gets in, and who had signed in goes on afterwards', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  await addUser(here, 'olaf', 'operator');
  const dashboard = await startDashboard(here);
  const cookie = await dashboard.signIn('olaf');
  await redis.stop();
  expect([await statusWith(dashboard, cookie), await statusWith(dashboard, '')]).toEqual([503, 503]);
  expect((await dashboard.raw(signInRequest('olaf', PASSWORD))).status).toBe(503);
  await redis.start();
  await until('the session goes on', async () => (await statusWith(dashboard, cookie)) === 200);
});
