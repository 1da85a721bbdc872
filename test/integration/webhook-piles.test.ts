import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/layout/store.js';
import { openDeliveries } from '../../src/subscribers/webhooks/delivery-queue.js';
import { PendingCounts } from '../../src/subscribers/webhooks/pending-counts.js';
import { startDashboard } from '../support/dashboard.js';
import { createKeys } from '../../src/redis/keys.js';
import { jobSetKey } from '../../src/bullmq/queue-keys.js';
import { DELIVERIES } from '../../src/jobs/webhook-reading.js';
import { until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { setUp } from '../support/webhooks.js';

/** Deliveries that pile up: how many wait is counted, and what is done about too many. */

/** Has so many deliveries wait for hours, of which nothing but their ids is there, and be counted. */
async function fill(here: Place, counts: Record<string, number>): Promise<void> {
  const { webhookPending } = createKeys(here);
  for (const [webhook, count] of Object.entries(counts)) {
    const ids = Array.from({ length: count }, (_, n) => [1e18, `${webhook}-filled-${n}`]).flat();
    await here.client.zadd(delayedKey(here), ...ids);
  }
  await here.client.hset(webhookPending, counts);
}

const delayedKey = (here: Place) =>
  jobSetKey({ prefix: createKeys(here).deliveriesPrefix, queue: DELIVERIES }, 'delayed');

const unfill = (here: Place) => here.client.zremrangebyscore(delayedKey(here), 1e18, '+inf');

const countedOf = async (here: Place, id: string) =>
  Number(await here.client.hget(createKeys(here).webhookPending, id));

/** Who delivers knows a change of a webhook after 2 s. */
const KNOWN_WITHIN_MS = 2_500;

test('a webhook whose deliveries pile up is disabled before they fill Redis', async () => {
  const { here, webhooks, receiver, send, restock } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  await fill(here, { [webhook.id]: 19_999 });
  receiver.answer = () => ({ status: 503 });
  send({ retriesFasterBy: 1 });
  await restock(here.key('lamp'));
  await until('the last one that has room is tried', () => receiver.posts.length === 1);
  expect(await countedOf(here, webhook.id)).toBe(20_000);
  await restock(here.key('lamp'));
  await until('it is disabled', async () => (await webhooks.get(webhook.id)).disabled?.why === 'BEHIND');
  expect(receiver.posts).toHaveLength(1);
  await unfill(here);
  await webhooks.setEnabled(webhook.id, true);
  await wait(KNOWN_WITHIN_MS);
  const [told] = await restock(here.key('lamp'));
  await until('what was removed has made room', () => receiver.posts.some(({ body }) => body.includes(told!)));
  await until('and is counted no more', async () => (await countedOf(here, webhook.id)) === 2);
});

test('a webhook that is disabled as its target is behind is sent what waits, until it is disabled by hand', async () => {
  const { here, webhooks, queue, receiver, send, restock } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  receiver.answer = () => ({ status: 503 });
  send({ retriesFasterBy: 1 });
  await restock(here.key('lamp'));
  await restock(here.key('desk'));
  const waiting = async () => (await queue.getDelayed()).filter(({ attemptsMade }) => attemptsMade === 2);
  await until('both were tried twice, and wait for minutes', async () => (await waiting()).length === 2);
  await fill(here, { [webhook.id]: 20_000 });
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

test('deliveries that the board removes, or has tried again, are counted as what waits, and never below zero', async () => {
  const { here, webhooks, receiver, send, restock } = await setUp();
  const { webhook } = await webhooks.add({ url: receiver.url });
  receiver.answer = () => ({ status: 503 });
  const close = send({ retriesFasterBy: 1 });
  await restock(here.key('lamp'), 4);
  await until('all were tried', () => receiver.posts.length >= 4);
  await close();
  const { raw } = await startDashboard(here);
  const board = `/ops/queues/api/queues/${DELIVERIES}`;
  const store = openStore({ ...here, connectionName: 'test-counts', timeoutMs: 20_000 });
  const queue = openDeliveries(store);
  const counts = new PendingCounts(store.redis, store.keys, queue);
  onTestFinished(async () => {
    await queue.close();
    store.close();
  });
  const recounted = async () => {
    await counts.recount([webhook.id]);
    return countedOf(here, webhook.id);
  };
  expect(await recounted()).toBe(4);
  const [first, second] = await queue.getDelayed();
  expect((await raw({ method: 'PUT', path: `${board}/${first!.id}/clean` })).status).toBe(204);
  expect(await recounted()).toBe(3);
  await second!.promote();
  expect((await raw({ method: 'PUT', path: `${board}/empty` })).status).toBe(200);
  expect(await recounted(), 'of those that are delayed').toBe(2);
  await here.client.hset(createKeys(here).webhookPending, webhook.id, 0);
  await counts.done(webhook.id, first!.data.event);
  expect(await countedOf(here, webhook.id)).toBe(0);
  expect(await recounted()).toBe(2);
  await wait(5_000); // the board leaves what was added since
  expect((await raw({ method: 'PUT', path: `${board}/clean/delayed` })).status).toBe(200);
  expect(await recounted()).toBe(0);
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
  const { here, webhooks, receiver, send, restock } = await setUp();
  const add = async (owner?: string) => (await webhooks.add({ url: receiver.url }, { owner })).webhook.id;
  const [first, second, third, other, nobodys] = [
    await add('ann'),
    await add('ann'),
    await add('ann'),
    await add('bo'),
    await add(),
  ] as const;
  await restock(here.key('lamp'), 5);
  await fill(here, { [first]: 19_000, [second]: 19_000, [third]: 1_996, [other]: 19_999 });
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

  await unfill(here);
  await fill(here, { [first]: 19_990, [second]: 19_000, [third]: 1_996 });
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
