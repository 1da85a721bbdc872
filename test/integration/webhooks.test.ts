import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.js';
import { until } from '../support/tally.js';
import { streamKey } from '../support/told.js';
import { startReceiver } from '../support/webhook-receiver.js';
import { setUp } from '../support/webhooks.js';

test('an outcome is posted as a CloudEvent in structured mode, signed, to those whose filter it fits', async () => {
  const { here, receiver, webhooks, send, restock } = await setUp();
  const other = await startReceiver();
  const { secret, webhook } = await webhooks.add({
    url: receiver.url,
    keys: [here.key('stock:*')],
    token: 'let-me-in',
  });
  await webhooks.add({ url: other.url, operations: ['xp.award'] });
  send();
  await restock(here.key('other'));
  const [id] = await restock(here.key('stock:lamp'));
  await until('it is delivered', () => receiver.posts.length === 1);
  expect(receiver.verified(secret)).toMatchObject([{ specversion: '1.0', id, data: { status: 'applied' } }]);
  const [{ headers, method }] = receiver.posts as [(typeof receiver.posts)[number]];
  expect({ method, ...headers }).toMatchObject({
    method: 'POST',
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'webhook-request-origin': 'tally.example',
    'webhook-id': `msg_${id!.replace(/[.:]/g, '_')}`,
    authorization: 'Bearer let-me-in',
  });
  expect(webhook).toMatchObject({ url: receiver.url, hasToken: true });
  expect(other.posts).toEqual([]);
});

test('a webhook is told of what happens right after it was added, by whatever process', async () => {
  const { here, receiver, webhooks, send, restock } = await setUp();
  await webhooks.add({ url: receiver.url });
  send();
  send();
  await restock(here.key('lamp'));
  await until('all know of the first one', () => receiver.posts.length === 1);
  const others = [];
  for (let added = 0; added < 5; added += 1) {
    const other = await startReceiver();
    await webhooks.add({ url: other.url });
    others.push({ other, id: (await restock(here.key('lamp')))[0] });
  }
  for (const { other, id } of others) {
    await until('it is delivered', () => other.posts.length > 0);
    expect((JSON.parse(other.posts[0]!.body) as { id: string }).id).toBe(id);
  }
});

test('secrets are shown once, and Redis holds neither them nor tokens', async () => {
  const { here, receiver, webhooks, queue, send, restock } = await setUp();
  const { secret, webhook } = await webhooks.add({ url: receiver.url, token: 'let-me-in' });
  const rotated = await webhooks.rotate(webhook.id);
  send();
  await restock(here.key('lamp'));
  await until('it is delivered', () => receiver.posts.length === 1);
  const keys = createKeys(here);
  const stored = JSON.stringify(await here.client.hgetall(keys.webhooks)) + JSON.stringify(await queue.getJobs());
  const shown = JSON.stringify([await webhooks.list(), await webhooks.get(webhook.id), webhook]);
  for (const text of [secret, rotated.secret, 'let-me-in'].map((it) => it.replace('whsec_', '').slice(0, 20))) {
    expect(stored).not.toContain(text);
    expect(shown).not.toContain(text);
  }
  expect(stored).toContain('inventory.restock');
});

test('while a secret is rotated events are signed with both, and then with the new one', async () => {
  const { here, receiver, webhooks, send, restock } = await setUp();
  const { secret: before, webhook } = await webhooks.add({ url: receiver.url });
  const { secret: now } = await webhooks.rotate(webhook.id);
  send();
  await restock(here.key('lamp'));
  await until('it is delivered', () => receiver.posts.length === 1);
  expect(receiver.verified(before)).toHaveLength(1);
  expect(receiver.verified(now)).toHaveLength(1);
  const keys = createKeys(here);
  const stored = JSON.parse((await here.client.hget(keys.webhooks, webhook.id)) ?? '') as {
    signing: { untilMs?: number }[];
  };
  stored.signing[1]!.untilMs = Date.now() - 1; // the day is over
  await here.client.hset(keys.webhooks, webhook.id, JSON.stringify(stored));
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // so long a sender goes on with what it knows
  await restock(here.key('lamp'));
  await until('it is delivered', () => receiver.posts.length === 2);
  const [, { body, headers }] = receiver.posts as [unknown, (typeof receiver.posts)[number]];
  expect(new Webhook(now).verify(body, headers as Record<string, string>)).toBeTruthy();
  expect(() => new Webhook(before).verify(body, headers as Record<string, string>)).toThrow();
});

test('only 2xx counts: what fails is tried again with the same id, and redirects are not followed', async () => {
  const { here, receiver, webhooks, queue, send, restock } = await setUp();
  const inside = await startReceiver();
  const { secret } = await webhooks.add({ url: receiver.url });
  const statuses = [500, 302, 404, 200];
  receiver.answer = (_, nth) => ({ status: statuses[nth - 1] ?? 200, headers: { location: inside.url } });
  send({ retriesFasterBy: 10_000 });
  const [id] = await restock(here.key('lamp'));
  await until('it is delivered', () => receiver.posts.length === 4);
  expect(receiver.verified(secret).map((event) => event.id)).toEqual(Array(4).fill(id));
  expect(new Set(receiver.posts.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(inside.posts).toEqual([]);
  await until('it is done', async () => (await queue.getCompletedCount()) === 1);
  const [job] = await queue.getCompleted();
  expect(job?.returnvalue).toMatch(/^200 after \d+ ms$/);
});

test('what Retry-After asks for holds, also for other events of that target', async () => {
  const { here, receiver, webhooks, send, restock } = await setUp({ retriesFasterBy: 100_000 });
  await webhooks.add({ url: receiver.url });
  receiver.answer = (_, nth) => (nth === 1 ? { status: 429, headers: { 'retry-after': '3' } } : { status: 204 });
  send();
  await restock(here.key('lamp'));
  await until('it is refused', () => receiver.posts.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await restock(here.key('lamp'));
  await until('both are delivered', () => receiver.posts.length === 3);
  const [first, ...others] = receiver.posts.map(({ atMs }) => atMs);
  for (const atMs of others) {
    expect(atMs - first!).toBeGreaterThanOrEqual(2_900);
  }
});

test('410 disables the webhook; enabled again, a replay sends what it missed, with the ids that they had', async () => {
  const { here, receiver, webhooks, send, restock } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  receiver.answer = () => ({ status: 410 });
  send();
  const since = Date.now() - 60_000;
  const first = await restock(here.key('lamp'));
  await until('it is disabled', async () => (await webhooks.get(webhook.id)).disabled?.why === 'GONE');
  const missed = await restock(here.key('lamp'), 3);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(receiver.posts).toHaveLength(1);
  await expect(webhooks.replay(webhook.id, { sinceMs: since })).rejects.toThrow(/disabled/);
  receiver.answer = () => ({ status: 200 });
  await webhooks.setEnabled(webhook.id, true);
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // so long a sender goes on with what it knows
  expect(await webhooks.replay(webhook.id, { sinceMs: since })).toMatchObject({ deliveries: 4 });
  await until('all are delivered', () => receiver.posts.length === 5);
  const ids = receiver.posts.slice(1).map(({ headers }) => headers['webhook-id']);
  expect(ids.sort()).toEqual([...first, ...missed].map((id) => `msg_${id.replace(/[.:]/g, '_')}`).sort());
});

test('a replay says what the stream does not hold any more', async () => {
  const { here, receiver, webhooks, restock } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  const sinceMs = Date.now() - 60_000;
  await restock(here.key('lamp'), 3);
  expect((await webhooks.replay(webhook.id, { sinceMs })).gap).toBeUndefined();
  await restock(here.key('lamp'));
  await here.client.xtrim(await streamKey(here), 'MAXLEN', 1);
  const { deliveries, gap } = await webhooks.replay(webhook.id, { sinceMs });
  expect({ deliveries, from: gap?.from }).toEqual({ deliveries: 1, from: new Date(sinceMs).toISOString() });
});

test('a target is sent to at its own pace, and no more than ten at a time', async () => {
  const { here, receiver, webhooks, send, restock } = await setUp();
  const paced = await startReceiver();
  paced.allow = { 'webhook-allowed-origin': 'tally.example', 'webhook-allowed-rate': '300' };
  receiver.answer = () => ({ status: 204, afterMs: 100 });
  await webhooks.add({ url: receiver.url });
  const { webhook } = await webhooks.add({ url: paced.url, perMinute: 6_000 });
  expect(webhook.perMinute).toBe(300);
  expect(paced.asked[0]?.headers).toMatchObject({
    'webhook-request-origin': 'tally.example',
    'webhook-request-rate': '6000',
  });
  send();
  send();
  const begunAtMs = Date.now();
  await restock(here.key('lamp'), 30);
  await until('all are delivered', () => receiver.posts.length === 30 && paced.posts.length === 30);
  expect(receiver.mostAtOnce()).toBeLessThanOrEqual(20); // ten of each of two processes
  expect(Date.now() - begunAtMs).toBeGreaterThan(29 * 200);
  const gaps = paced.posts.slice(10).map(({ atMs }, index) => atMs - paced.posts[index]!.atMs);
  expect(Math.min(...gaps)).toBeGreaterThan(1_000); // any ten take two seconds
});

test('a target that allows more than can be asked for is sent to as fast as that, and all webhooks go on', async () => {
  const { receiver, webhooks } = await setUp();
  receiver.allow = { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '100000' };
  const { webhook } = await webhooks.add({ url: receiver.url });
  expect(webhook.perMinute).toBe(60_000);
  expect(await webhooks.list()).toEqual([webhook]); // it can be read
});

test('a webhook that can not be read is removed by hand, and by no API key', async () => {
  const { here, webhooks } = await setUp();
  await here.client.hset(createKeys(here).webhooks, 'wh_newer', '{"of":"a newer version"}');
  await expect(webhooks.remove('wh_newer', { owner: 'ann' })).rejects.toThrow('there is no webhook "wh_newer"');
  await webhooks.remove('wh_newer');
  await expect(webhooks.remove('wh_newer')).rejects.toThrow('there is no webhook "wh_newer"');
});

test('a secret that is replaced twice is in force for its day all the same', async () => {
  const { here, receiver, webhooks, send, restock } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  await webhooks.rotate(webhook.id);
  await webhooks.rotate(webhook.id);
  send();
  await restock(here.key('lamp'));
  await until('it is delivered', () => receiver.posts.length === 1);
  expect(receiver.posts[0]?.headers['webhook-signature']?.toString().split(' ')).toHaveLength(3);
  for (let more = 3; more < 10; more += 1) {
    await webhooks.rotate(webhook.id);
  }
  await expect(webhooks.rotate(webhook.id)).rejects.toThrow('its secret was replaced 9 times within 24 hours');
});

test('what was removed or forbidden since it was added is not sent to', async () => {
  const { here, receiver, webhooks, queue, options, send, restock } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  const forbids = send({ webhooks: { ...options, allowedNetworks: [] }, retriesFasterBy: 1 });
  await restock(here.key('lamp'));
  const failure = async () => (await queue.getDelayed())[0]?.failedReason;
  await until('it was tried', async () => (await failure()) !== undefined);
  expect(await failure()).toMatch(/forbidden: 127\.0\.0\.1 is no public address/);
  await forbids();
  await here.client.hdel(createKeys(here).webhooks, webhook.id); // as for a delivery that was under way when it was removed
  await queue.getDelayed().then((jobs) => Promise.all(jobs.map((job) => job.promote())));
  send();
  await until('it is done', async () => (await queue.getCompletedCount()) === 1);
  expect((await queue.getCompleted())[0]?.returnvalue).toBe('not sent: the webhook was removed');
  expect(receiver.posts).toEqual([]);
});

test('a target that does not answer the handshake is not added', async () => {
  const { receiver, webhooks } = await setUp();
  for (const allow of [{}, { 'webhook-allowed-origin': 'other.example' }, { 'webhook-allowed-rate': '*' }]) {
    receiver.allow = allow;
    await expect(webhooks.add({ url: receiver.url })).rejects.toThrow(/does not allow events of "tally.example"/);
  }
  await expect(webhooks.add({ url: 'http://127.0.0.1:1/' })).rejects.toThrow(/could not be asked/);
  expect(await webhooks.list()).toEqual([]);
  expect((await webhooks.add({ url: receiver.url }, { handshake: false })).webhook.url).toBe(receiver.url);
});

test('each event is delivered once although several processes share the work, and one takes over from one that is gone', async () => {
  const { here, receiver, webhooks, send, restock } = await setUp();
  const { secret } = await webhooks.add({ url: receiver.url });
  const closes = [send(), send(), send()];
  const told = await restock(here.key('lamp'), 50);
  await closes[0]!();
  told.push(...(await restock(here.key('lamp'), 50)));
  await closes[1]!();
  told.push(...(await restock(here.key('lamp'), 50)));
  await until('all are delivered', () => receiver.posts.length >= 150);
  expect(
    receiver
      .verified(secret)
      .map(({ id }) => id)
      .sort(),
  ).toEqual(told.sort());
});
