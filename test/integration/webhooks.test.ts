import { setTimeout as wait } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.js';
import { DELIVERIES } from '../../src/jobs/webhook-reading.js';
import type { DeliveryQueue } from '../../src/subscribers/webhooks/delivery-queue.js';
import { until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
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

/** Has so many deliveries counted, and one wait that is none of a webhook's: counting does not begin anew. */
async function fill(here: Place, queue: DeliveryQueue, counts: Record<string, number>): Promise<void> {
  await queue.add('x', { webhook: 'wh_other', event: {} as never }, { delay: 600_000 });
  await here.client.hset(createKeys(here).webhookPending, counts);
}

const countedOf = async (here: Place, id: string) =>
  Number(await here.client.hget(createKeys(here).webhookPending, id));

test('a webhook whose deliveries pile up is disabled before they fill Redis', async () => {
  const { here, webhooks, queue, receiver, send, restock } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  await fill(here, queue, { [webhook.id]: 19_999 });
  receiver.answer = () => ({ status: 503 });
  send({ retriesFasterBy: 1 });
  await restock(here.key('lamp'));
  await until('the last one that has room is tried', () => receiver.posts.length === 1);
  expect(await countedOf(here, webhook.id)).toBe(20_000);
  await restock(here.key('lamp'));
  await until('it is disabled', async () => (await webhooks.get(webhook.id)).disabled?.why === 'BEHIND');
  expect(receiver.posts).toHaveLength(1);
  expect(queue.name).toBe(DELIVERIES);
});

/** Who delivers knows a change of a webhook after 2 s. */
const KNOWN_WITHIN_MS = 2_500;

test('a webhook that is disabled as its target is behind is sent what waits, until it is disabled by hand', async () => {
  const { here, webhooks, queue, receiver, send, restock } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  receiver.answer = () => ({ status: 503 });
  send({ retriesFasterBy: 1 });
  await restock(here.key('lamp'));
  await restock(here.key('desk'));
  const waiting = async () => (await queue.getDelayed()).filter(({ attemptsMade }) => attemptsMade === 2);
  await until('both were tried twice, and wait for minutes', async () => (await waiting()).length === 2);
  await here.client.hset(createKeys(here).webhookPending, webhook.id, 20_000);
  await restock(here.key('chair'));
  await until('it is disabled', async () => (await webhooks.get(webhook.id)).disabled?.why === 'BEHIND');
  const behind = await webhooks.get(webhook.id);
  const [first, second] = await waiting();
  receiver.answer = () => ({ status: 204 });
  await first!.promote();
  await until('what waits is delivered', async () => (await first!.getState()) === 'completed');
  expect((await webhooks.setEnabled(webhook.id, false)).disabled).toEqual({ ...behind.disabled, why: 'BY_HAND' });
  const posts = receiver.posts.length;
  await wait(KNOWN_WITHIN_MS);
  await second!.promote();
  await until('it is given up', async () => (await second!.getState()) === 'failed');
  expect(receiver.posts).toHaveLength(posts);
  await webhooks.setEnabled(webhook.id, true);
  await wait(KNOWN_WITHIN_MS);
  await second!.retry();
  await until('it can be retried once it is enabled', async () => (await second!.getState()) === 'completed');
});

test('counting begins anew when nothing waits, whatever a process that died has left counted', async () => {
  const { here, webhooks, receiver, send, restock } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  await here.client.hset(createKeys(here).webhookPending, webhook.id, 20_000);
  send();
  await restock(here.key('lamp'));
  await until('it is delivered', () => receiver.posts.length === 1);
  await until('it is not counted any more', async () => (await countedOf(here, webhook.id)) === 0);
});

test('a large event counts as several deliveries, and as none when it is delivered', async () => {
  const { here, webhooks, receiver, send } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  let isOpen = false;
  receiver.answer = () => ({ status: isOpen ? 204 : 503 });
  send();
  const items = Array.from({ length: 50 }, (_, n) => ({ key: here.key(`stock:${n}:${'ä'.repeat(100)}`), quantity: 1 }));
  await (await here.producer().inventory.takeAll({ items })).outcome({ timeoutMs: 60_000 });
  await until('it is tried', () => receiver.posts.length > 0);
  const bytes = Buffer.byteLength(receiver.posts[0]!.body);
  expect(bytes).toBeGreaterThan(10_000);
  expect(await countedOf(here, webhook.id)).toBe(Math.ceil(bytes / 2_048));
  isOpen = true;
  await until('it is not counted any more', async () => (await countedOf(here, webhook.id)) === 0);
});

test('replays of an owner stop while his webhooks have much waiting, and what happens is handed out all the same', async () => {
  const { here, webhooks, queue, receiver, send, restock } = await setUp();
  const add = async (owner?: string) => (await webhooks.add({ url: receiver.url }, { owner })).webhook.id;
  const [first, second, third, other, nobodys] = [
    await add('ann'),
    await add('ann'),
    await add('ann'),
    await add('bo'),
    await add(),
  ] as const;
  await restock(here.key('lamp'), 5);
  await fill(here, queue, { [first]: 19_000, [second]: 19_000, [third]: 1_996, [other]: 19_999 });
  const sinceMs = Date.now() - 60_000;
  const since = new Date(sinceMs).toISOString();
  const replays = await Promise.all(Array.from({ length: 4 }, () => webhooks.replay(third, { sinceMs }))); // at a time
  expect(replays.map(({ cut }) => cut?.by).sort()).toEqual(['OWNER', 'OWNER', 'OWNER', undefined]);
  for (const id of [first, second, third]) {
    expect(await webhooks.replay(id, { sinceMs })).toEqual({ deliveries: 0, cut: { by: 'OWNER', since } });
  }
  expect(await webhooks.replay(other, { sinceMs })).toMatchObject({ deliveries: 5 });
  expect(await webhooks.replay(other, { sinceMs })).toEqual({ deliveries: 0, cut: { by: 'WEBHOOK', since } });
  expect(await webhooks.replay(nobodys, { sinceMs })).toMatchObject({ deliveries: 5 });

  await here.client.hset(createKeys(here).webhookPending, { [first]: 19_990, [other]: 0 });
  send();
  const [told] = await restock(here.key('lamp'));
  await until('all are told', () => receiver.posts.filter(({ body }) => body.includes(told!)).length === 5);
  expect((await webhooks.list()).filter(({ disabled }) => disabled)).toEqual([]);
  expect(await webhooks.replay(third, { sinceMs })).toMatchObject({ deliveries: 0, cut: { by: 'OWNER' } });
  await webhooks.remove(first);
  expect(await webhooks.replay(third, { sinceMs })).toMatchObject({ deliveries: 6 });
});

test('what waits for a webhook goes with it', async () => {
  const { here, webhooks, queue, receiver, restock } = await setUp();
  const [gone, kept] = [await webhooks.add({ url: receiver.url }), await webhooks.add({ url: receiver.url })];
  await restock(here.key('lamp'), 250);
  const sinceMs = Date.now() - 60_000;
  for (const { webhook } of [gone, kept]) {
    expect(await webhooks.replay(webhook.id, { sinceMs })).toMatchObject({ deliveries: 250 });
    await queue.add(
      'later',
      { webhook: webhook.id, event: {} as never },
      { delay: 600_000, jobId: `${webhook.id}-late` },
    );
  }
  await webhooks.remove(gone.webhook.id);
  const left = await queue.getJobs(['waiting', 'delayed']);
  expect(left.map(({ data }) => data.webhook)).toEqual(Array(251).fill(kept.webhook.id));
  expect(await here.client.hgetall(createKeys(here).webhookPending)).toEqual({ [kept.webhook.id]: '250' });
});

test('a replay to a webhook that is removed meanwhile adds nothing more', async () => {
  const { here, webhooks, queue, receiver, restock } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  for (let jobs = 0; jobs < 20; jobs += 1) {
    await restock(here.key('lamp'), 256);
  }
  const replaying = webhooks.replay(webhook.id, { sinceMs: Date.now() - 60_000 });
  await until('it has begun', async () => (await queue.getWaitingCount()) > 0);
  await here.client.hdel(createKeys(here).webhooks, webhook.id);
  await expect(replaying).rejects.toThrow(/there is no webhook/);
});
