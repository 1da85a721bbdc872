import { htmlUnescape } from 'escape-goat';
import { expect, test } from 'vitest';
import { UserStore } from '../../dashboard/access/user-store.js';
import { changeUser } from '../../dashboard/access/user.js';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { begin, holdersOf, kill, ownCluster } from '../support/dashboard-unreachable.js';
import { addUser, PASSWORD, signInRequest } from '../support/dashboard.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import type { Cluster } from '../support/topology/cluster.js';

/** A place whose users lie on another master than its audit and what it knows of partitions. */
async function placeApart(cluster: Cluster): Promise<Place> {
  for (;;) {
    const here = place(cluster.url);
    const keys = createKeys(here);
    const masterOf = (key: string) => cluster.masterOfSlot(slotOf(key));
    const users = await masterOf(keys.users);
    const others = await Promise.all([keys.audit, keys.anonymousAudit, keys.partitionCounts].map(masterOf));
    if (!others.includes(users)) {
      return here;
    }
  }
}

const PAGES = [
  ...['/ops', '/ops/queues', '/ops/queues/api/queues', '/ops/failures'],
  ...['/ops/keys', '/ops/find', '/ops/audit'],
];

test('while the master that knows the users is unreachable, whoever is signed in goes on, and others can sign in', async () => {
  const cluster = await ownCluster();
  const here = await placeApart(cluster);
  await addUser(here, 'olaf', 'operator');
  await addUser(here, 'vera', 'viewer');
  const { request, signIn } = await begin(here);
  const { users } = await holdersOf(cluster, here);
  const cookies = [await signIn('olaf'), await signIn('olaf'), await signIn('olaf')]; // on any of the masters
  await kill(cluster, users);
  for (const cookie of cookies) {
    for (const path of PAGES) {
      const answers = await Promise.all([
        request(path, { headers: { cookie } }),
        request(path, { headers: { cookie, accept: 'text/html' } }),
      ]);
      expect([path, ...answers.map(({ status }) => status)]).toEqual([path, 200, 200]);
    }
  }
  expect((await request('/ops/queues/api/queues')).status).toBe(401);
  const vera = await signIn('vera'); // whom nobody had asked for before
  expect((await request('/ops/keys', { headers: { cookie: vera } })).status).toBe(200);
  const pause = { method: 'PUT', headers: { cookie: vera } };
  expect((await request('/ops/queues/api/queues/pause', pause)).status).toBe(403);
});

test('while the master that knows the users is unreachable, and there are none, everyone here goes on', async () => {
  const cluster = await ownCluster();
  const here = await placeApart(cluster);
  const { request } = await begin(here);
  const { users } = await holdersOf(cluster, here);
  expect((await request('/ops/audit')).status).toBe(200);
  await kill(cluster, users);
  for (const path of [...PAGES, '/metrics']) {
    expect([path, (await request(path)).status]).toEqual([path, 200]);
  }
});

test('who was removed, given another role or signed out is not remembered when the master becomes unreachable', async () => {
  const cluster = await ownCluster();
  const here = await placeApart(cluster);
  const store = new UserStore(here.client, createKeys(here));
  await Promise.all(['gone', 'changed', 'out'].map((name) => addUser(here, name, 'operator')));
  const { request, signIn } = await begin(here);
  const pageFor = async (cookie: string) => (await request('/ops/keys', { headers: { cookie } })).status;
  const [gone, changed, out] = [await signIn('gone'), await signIn('changed'), await signIn('out')];
  expect([await pageFor(gone), await pageFor(changed), await pageFor(out)]).toEqual([200, 200, 200]);
  await store.remove('gone');
  await store.replace(changeUser((await store.find('changed'))!, { role: 'viewer' }));
  const signedOut = await request('/ops/sign-out', { method: 'POST', headers: { cookie: out }, redirect: 'manual' });
  expect([await pageFor(gone), await pageFor(changed), signedOut.status]).toEqual([401, 401, 303]);

  const { users } = await holdersOf(cluster, here);
  await kill(cluster, users);
  for (const cookie of [gone, changed, out]) {
    expect([401, 503]).toContain(await pageFor(cookie)); // 503 where nothing is known of the user, or the session lies there
  }
});

test('a dashboard that starts while the master that knows the users is unreachable lets nobody in, and tells why', async () => {
  const cluster = await ownCluster();
  const here = await placeApart(cluster);
  await addUser(here, 'olaf', 'operator');
  const cookie = await (await begin(here)).signIn('olaf');
  const { users } = await holdersOf(cluster, here);
  await kill(cluster, users);
  const { request, raw } = await begin(here);
  const fault = `can't be reached: Redis master 127.0.0.1:${users.port} does not answer`;
  await until('the Cluster is known', async () => (await (await request('/ops/keys')).text()).includes(fault));
  for (const path of PAGES) {
    for (const headers of [{ cookie }, { cookie, accept: 'text/html' }]) {
      const answer = await request(path, { headers });
      expect([path, answer.status]).toEqual([path, 503]);
      expect(htmlUnescape(await answer.text())).toContain(fault);
    }
  }
  const attempt = await raw(signInRequest('olaf', PASSWORD));
  expect([attempt.status, attempt.headers['set-cookie']]).toEqual([503, undefined]);
  expect(htmlUnescape(attempt.body)).toContain(`the list of users ${fault}`);
  await users.start();
  await cluster.untilHealthy();
  await until(
    'whoever was signed in is so again',
    async () => (await request('/ops/audit', { headers: { cookie } })).ok,
  );
});

test('sessions on a master that is unreachable go on where they are known, wait elsewhere, and people can sign in', async () => {
  const cluster = await ownCluster();
  const here = await placeApart(cluster);
  await addUser(here, 'vera', 'viewer');
  const known = await begin(here);
  const { users } = await holdersOf(cluster, here);
  const away = (await cluster.masters()).find((node) => node !== users)!;
  const cookies = new Map<boolean, string>();
  const seen = new Set<string>();
  while (cookies.size < 2) {
    const cookie = await known.signIn('vera');
    const session = (await keysLike(here, `${here.namespace}:session:*`)).find((key) => !seen.has(key))!;
    seen.add(session);
    cookies.set((await cluster.masterOfSlot(slotOf(session))) === away, cookie);
  }
  const [cookieAway, cookieThere] = [cookies.get(true)!, cookies.get(false)!];
  const other = await begin(here);
  const pageFor = async ({ request }: Pick<typeof other, 'request'>, cookie: string) => {
    const answer = await request('/ops/keys', { headers: { cookie } });
    return [answer.status, await answer.text()] as const;
  };
  expect((await pageFor(other, cookieThere))[0]).toBe(200); // it knows the secret from now on
  await kill(cluster, away);

  for (const cookie of [cookieAway, cookieThere]) {
    expect((await pageFor(known, cookie))[0]).toBe(200);
  }
  const why = `this session can't be reached: Redis master 127.0.0.1:${away.port} does not answer`;
  expect(await pageFor(other, cookieAway)).toEqual([503, expect.stringContaining(why)]);
  for (const _ of [1, 2, 3]) {
    expect((await pageFor(other, await other.signIn('vera')))[0]).toBe(200);
  }
});
