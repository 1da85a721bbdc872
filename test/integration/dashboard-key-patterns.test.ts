import { htmlUnescape } from 'escape-goat';
import { expect, onTestFinished, test } from 'vitest';
import { findKeys } from '../../dashboard/cells/find-keys.js';
import { openStore } from '../../src/layout/store.js';
import { startDashboard } from '../support/dashboard.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { ownRedis, place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

async function begin() {
  const here = place();
  const { request } = await startDashboard(here);
  const cellPage = async (query: Record<string, string>) => {
    const answer = await request(`/ops/keys?${new URLSearchParams(query).toString()}`);
    const source = await answer.text();
    return { status: answer.status, source, text: htmlUnescape(source.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ') };
  };
  return { here, cellPage };
}

test('a pattern lists the keys that fit it, with a way to each, whatever characters they hold', async () => {
  const { here, cellPage } = await begin();
  const names = ['stock:lamp', 'stock:mug', 'stock:[a]?', 'stock:*', 'stock:<b>'];
  await here.client.mset(Object.fromEntries(names.map((name, n) => [here.key(name), n + 1])));
  await here.client.hset(here.key('stock:hash'), 'f', 1);
  await here.client.set(here.key('stock:text'), 'a secret of another service');
  await here.client.set(here.key('other'), 5);

  const { status, text, source } = await cellPage({ key: here.key('stock:*') });

  expect(status).toBe(200);
  expect(text).toMatch(
    new RegExp(`stock:lamp string 1 .*stock:mug string 2 .*stock:text string no integer 7 keys\\. `),
  );
  expect(text).toMatch(/stock:hash hash .*stock:lamp/);
  expect(text).toContain(`${here.key('stock:<b>')} string 5`);
  expect(text).not.toMatch(/other|a secret/);
  const links = [...source.matchAll(/href="(\/ops\/keys\?[^"]*)"/g)].map(([, link = '']) => htmlUnescape(link));
  const values = links.map((link) => Object.fromEntries(new URLSearchParams(link.split('?')[1])));
  expect(values).toHaveLength(7);
  const star = values.find(({ key }) => key === here.key('stock:*'))!;
  expect((await cellPage(star)).text).toContain('Value 4 Type of the key string'); // the key, not what fits it
  expect((await cellPage({ key: here.key('stock:*a*p') })).text).toMatch(/stock:lamp string 1 1 key\. /);
  expect((await cellPage({ key: here.key('stock:[a]*') })).text).toMatch(/stock:\[a\]\? string 3 1 key\. /);
  expect((await cellPage({ key: here.key('none:*') })).text).toContain('No key was found that fits it.');
});

test('of many keys that fit 100 are listed, and the page says so; those of Tally and BullMQ never are', async () => {
  const { here, cellPage } = await begin();
  const names = Array.from({ length: 130 }, (_none, n) => here.key(`stock:${n}`));
  await here.client.mset(Object.fromEntries(names.map((name) => [name, 1])));
  const { text, source } = await cellPage({ key: here.key('stock:*') });
  expect(text).toContain('More than 100 keys fit, of which these are some: write more of the key.');
  expect(source.match(/>string</g)).toHaveLength(100);
  for (const reserved of [here.namespace, here.prefix]) {
    await here.client.set(`${reserved}:number`, 1);
    expect((await cellPage({ key: `${reserved}:*` })).text).toContain('No key was found that fits it.');
  }
  const long = await cellPage({ key: '*a'.repeat(250) });
  expect(long.status).toBe(200); // and soon
  expect((await cellPage({ key: '*'.repeat(600) })).status).toBe(400);
});

test('a look at too many keys ends', async () => {
  const here = place();
  await here.client.mset(here.key('a'), 1, here.key('b'), 2);
  expect(await findKeys(await storeOf(here), here.key('*'), -1)).toMatchObject({ cut: 'slow' });
});

test("what the dashboard's user of Redis may not read is counted, and not told", async () => {
  skipUnlessOneServer('it makes a user on a server of its own');
  const { url } = await ownRedis();
  const here = place(url);
  await here.client.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '+@all', '~*:readable');
  await here.client.mset(here.key('readable'), 1, here.key('hidden'), 2);
  const redis = url.replace('redis://', 'redis://app:secret@');
  expect(await findKeys(await storeOf({ ...here, redis }), here.key('*'))).toEqual({
    found: [{ key: here.key('readable'), type: 'string', value: 1 }],
    unreadable: 1,
    cut: undefined,
    faults: [],
  });
});

async function storeOf({ redis, namespace, prefix, logger }: Pick<Place, 'redis' | 'namespace' | 'prefix' | 'logger'>) {
  const store = openStore({ redis, namespace, prefix, logger, connectionName: 'test-keys', timeoutMs: 5_000 });
  onTestFinished(() => {
    store.close();
  });
  await store.redis.time(); // its masters are known then
  return store;
}
