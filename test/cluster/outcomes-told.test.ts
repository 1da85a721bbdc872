import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createSubscriber } from '../../src/index.js';
import type { OutcomeEvent, SubscriberOptions } from '../../src/index.js';
import { readGroups } from '../../src/jobs/told-groups.js';
import { readStreams } from '../../src/jobs/told-streams.js';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { followAt } from '../support/event-source.js';
import { startApi } from '../support/http-api.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { allTold, outcomeReader, short } from '../support/told.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import { LONG_LOCK, applied, begin, countedWorker, keysOnFirst, outcomesOf, submit } from './on-masters.js';
import { rawEvents } from './told-streams.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
});
afterAll(() => cluster.stop());

const TELLING = { ...LONG_LOCK, outcomes: true } as const;

const keysOfAll = (here: Place, count: number) => Array.from({ length: count }, (_, n) => `${here.namespace}-${n}`);

const slotsOf = async (here: Place) => (await readStreams(here.client, createKeys(here))).map(({ slot }) => slot);

/** A subscriber of the group "g", closed after the test. */
async function listen(here: Place, hear: (event: OutcomeEvent) => unknown, options: Partial<SubscriberOptions> = {}) {
  const { redis, namespace, prefix, logger } = here;
  const subscriber = createSubscriber({
    ...{ redis, namespace, prefix, logger },
    group: 'g',
    onOutcome: hear,
    ...options,
  } as SubscriberOptions<never>);
  onTestFinished(() => subscriber.close());
  await subscriber.ready();
  return subscriber;
}

test('each master tells what it applied of a job, in one entry, in a stream in the first of its slots', async () => {
  const here = place(cluster.url);
  const { calls } = await countedWorker(here, TELLING);
  const keys = keysOfAll(here, 60);
  const submissions = await submit(here, [...keys, ...keys]);
  expect(await outcomesOf(submissions)).toEqual([...keys.map(() => applied(1)), ...keys.map(() => applied(2))]);

  const told = await rawEvents(here);
  expect(new Set(told.map(({ stream, entry }) => `${stream} ${entry}`)).size).toBe(3);
  expect(await slotsOf(here)).toEqual([0, 8_192, 12_288]);
  for (const { stream, event } of told) {
    expect(await cluster.masterOfSlot(slotOf(stream))).toBe(await cluster.masterOfSlot(slotOf(event.subject!)));
  }
  const byId = new Map(told.map(({ event }) => [event.id, event]));
  expect(told).toHaveLength(120);
  for (const [place_, { id }] of submissions.entries()) {
    const before = place_ < 60 ? null : 1;
    const cells = [{ key: keys[place_ % 60], before, after: place_ < 60 ? 1 : 2 }];
    expect(byId.get(`${id}:applied`)?.data).toMatchObject({ id, result: { value: place_ < 60 ? 1 : 2 }, cells });
  }
  expect([await calls('answered'), await calls('fell back')]).toEqual([3, 0]);
});

test('updates in jobs of their own are told in the same streams, whatever becomes of them', async () => {
  const here = place(cluster.url);
  await countedWorker(here, TELLING);
  const [good, bad, late] = keysOnFirst(here, 3) as [string, string, string];
  await here.client.set(bad, 'no number');
  const producer = here.producer({ partitions: 1, maxBatch: 1 });
  const take = (key: string, idempotencyKey?: string) =>
    producer.inventory.take({ key, quantity: 2, whenShort: 'reject' }, idempotencyKey ? { idempotencyKey } : {});
  await producer.inventory.restock({ key: good, quantity: 3 });
  await until('it is there', async () => (await here.client.get(good)) === '3');
  for (const update of [await take(good, 'k'), await take(good, 'k'), await take(good), await take(bad)]) {
    await update.outcome({ timeoutMs: 60_000 });
  }
  const delayed = await producer.counters.increment({ key: late }, { delay: 3_600_000 });
  await producer.cancel(delayed.id);
  await until('all are told', async () => (await rawEvents(here)).length === 5);

  const told = await rawEvents(here);
  expect(new Set(told.map(({ stream }) => stream)).size).toBe(1);
  expect(told.map(({ event }) => `${short(event)} ${event.data.idempotencyKey ?? ''}`.trim())).toEqual([
    `inventory.restock.applied: ${good} null>3`,
    `inventory.take.applied: ${good} 3>1 k`,
    `inventory.take.rejected: ${good} 1>1`,
    `inventory.take.failed: ${bad}`,
    `counter.increment.cancelled: ${late}`,
  ]);
});

test('of a batch in which one fails, the others are told, and then that one', async () => {
  const here = place(cluster.url);
  await countedWorker(here, TELLING);
  const keys = keysOfAll(here, 12);
  await here.client.set(keys[7]!, 'no number');
  await outcomesOf(await submit(here, keys));
  await until('all are told', async () => (await rawEvents(here)).length === 12);
  const told = (await rawEvents(here)).map(({ event }) => event);
  expect(told.filter(({ type }) => type.endsWith('.failed')).map(({ subject }) => subject)).toEqual([keys[7]]);
  expect(told.filter(({ type }) => type.endsWith('.applied')).map(({ subject }) => subject)).toHaveLength(11);
});

test('a part that an earlier attempt applied is not told again', async () => {
  const here = place(cluster.url);
  const keys = keysOnFirst(here, 4);
  const [first] = keys as [string];
  const from = await cluster.masterOfSlot(0);
  const to = await cluster.masterOfSlot(8_192);
  await here.client.set(first, '5');
  await countedWorker(here, { ...TELLING, lockDurationMs: 5_000 });
  await begin(slotOf(first), from, to); // its new receipt finds no place
  const submissions = await submit(here, keys);
  await until('the others are told', async () => (await rawEvents(here)).length === 3);
  await from.run('CLUSTER', 'SETSLOT', slotOf(first), 'STABLE'); // so that one call is made for all of them again
  await to.run('CLUSTER', 'SETSLOT', slotOf(first), 'STABLE');
  await outcomesOf(submissions);

  const told = await rawEvents(here);
  expect(told.map(({ event }) => event.id).sort()).toEqual(submissions.map(({ id }) => `${id}:applied`).sort());
});

test('behind each cursor reading goes on without a gap or a repeat, also in a stream that is new since', async () => {
  const here = place(cluster.url);
  const reader = outcomeReader(here);
  const start = await reader.cursorAt('now'); // of no stream
  await countedWorker(here, TELLING);
  await outcomesOf(await submit(here, keysOnFirst(here, 5)));
  await until('it is known', async () => (await reader.read(start)).events.length === 5);
  const ofFirst = await reader.cursorAt('now');
  await outcomesOf(await submit(here, keysOfAll(here, 60)));
  await outcomesOf(await submit(here, keysOfAll(here, 60)));
  await until('all are known', async () => (await reader.read(start, 100)).events.length === 125);

  const all = await reader.read(start, 100);
  const ids = all.events.map(({ event }) => event.id);
  expect(new Set(ids).size).toBe(125);
  expect((await reader.read(ofFirst, 100)).events).toHaveLength(120);
  for (const [place_, { cursor }] of all.events.entries()) {
    const heard: string[] = [];
    for (let [at, isLast] = [cursor, false]; !isLast;) {
      const page = await reader.read(at, 1);
      expect(page.gap).toBeUndefined();
      heard.push(...page.events.map(({ event }) => event.id));
      ({ cursor: at, isLast } = page);
    }
    expect(heard.sort()).toEqual(ids.slice(place_ + 1).sort());
  }
  expect(await reader.untilMore(all.cursor, 100)).toBe(false);
  const more = reader.untilMore(all.cursor, 60_000);
  await outcomesOf(await submit(here, keysOfAll(here, 60)));
  expect([true, false]).toContain(await more);
  expect((await reader.read(all.cursor, 100)).events).toHaveLength(60);
});

test('one who comes back with Last-Event-ID hears each event once, from any server', async () => {
  const here = place(cluster.url);
  await countedWorker(here, TELLING);
  const servers = [await startApi(here, { outcomes: true }), await startApi(here, { outcomes: true })];
  const heard: string[] = [];
  let lastId = '';
  const keys = keysOfAll(here, 40);
  for (let round = 0; round < 6; round += 1) {
    const url = `${servers[round % 2]!.origin}/v1/outcomes?from=beginning`;
    const follower = await followAt(url, lastId === '' ? {} : { 'last-event-id': lastId });
    expect(follower.status).toBe(200);
    await outcomesOf(await submit(here, keys));
    await follower.until('some are heard', () => follower.outcomes().length >= 25);
    follower.leave();
    heard.push(...follower.outcomes().map(({ id }) => id));
    ({ lastId } = { lastId: follower.lastId() });
  }
  const last = await followAt(`${servers[0]!.origin}/v1/outcomes`, { 'last-event-id': lastId });
  await last.until('the rest is heard', () => heard.length + last.outcomes().length >= 240);
  heard.push(...last.outcomes().map(({ id }) => id));
  expect(new Set(heard).size).toBe(240);
  expect(heard).toHaveLength(240);
  expect((await allTold(here)).map(({ id }) => id).sort()).toEqual(heard.sort());
});

test('a group hears all streams, those that are new since from their first entry, and what it has not heard is its lag', async () => {
  const here = place(cluster.url);
  const keys = createKeys(here);
  await countedWorker(here, TELLING);
  await outcomesOf(await submit(here, keysOnFirst(here, 5)));
  const heard: string[] = [];
  const first = await listen(here, ({ id }) => heard.push(id));
  const submissions = [await submit(here, keysOnFirst(here, 5)), await submit(here, keysOfAll(here, 60))].flat();
  await outcomesOf(submissions);
  await until('all are heard', () => heard.length >= 65);
  expect(heard.sort()).toEqual(submissions.map(({ id }) => `${id}:applied`).sort());
  await first.close();

  const more = await submit(here, keysOfAll(here, 60));
  await outcomesOf(more);
  expect(await readGroups(here.client, keys)).toMatchObject([{ name: 'g', lag: 60, pending: 0, gaps: 0 }]);
  const [one, two] = [[] as string[], [] as string[]];
  await Promise.all([listen(here, ({ id }) => one.push(id)), listen(here, ({ id }) => two.push(id))]);
  await until('the rest is heard', () => one.length + two.length >= 60);
  expect([...one, ...two].sort()).toEqual(more.map(({ id }) => `${id}:applied`).sort());
});

test('the streams together hold what one server would', async () => {
  const here = place(cluster.url);
  await countedWorker(here, { ...LONG_LOCK, outcomes: { keepUpdates: 1_000 } });
  for (let round = 0; round < 30; round += 1) {
    await outcomesOf(await submit(here, keysOfAll(here, 100)));
  }
  await until('the oldest are removed', async () => (await rawEvents(here)).length <= 1_000);
  expect((await rawEvents(here)).length).toBeGreaterThan(500);
  const page = await outcomeReader(here).read(await outcomeReader(here).cursorAt('now'));
  expect(page).toMatchObject({ events: [], isLast: true });
});

test('a worker that may call slot by slot only says that it can not tell outcomes', async () => {
  const here = place(cluster.url);
  await expect(here.worker({ outcomes: true, callByMaster: false })).rejects.toThrow(/callByMaster/);
});
