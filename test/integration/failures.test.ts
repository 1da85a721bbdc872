import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { addKey, callerWith } from '../support/api-keys.js';
import { tally } from '../support/command.js';
import { startApi } from '../support/http-api.js';
import { createRegistry } from '../../src/operations/registry.js';
import { planRetry, removeFailures, retryFailures } from '../../src/producers/failures/change-failures.js';
import { groupFailures } from '../../src/producers/failures/group-failures.js';
import type { FailureSource } from '../../src/producers/failures/read-failures.js';
import { openStore } from '../../src/layout/store.js';
import { toMs } from '../../src/redis/server-time.js';
import { foreignWorker, openQueue } from '../support/queues.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

function sourceOf(here: Place): FailureSource {
  const store = openStore({ ...here, connectionName: 'test-failures', timeoutMs: 20_000 });
  onTestFinished(() => {
    store.close();
  });
  return { ...store, registry: createRegistry() };
}

/** Increments of keys that hold a text, so that they fail; applied once the texts are gone. */
async function failing(here: Place, names: readonly string[]): Promise<void> {
  for (const name of new Set(names)) {
    await here.client.set(here.key(name), 'no number');
  }
  const producer = here.producer({ maxBatch: 1 });
  const sent = await Promise.all(names.map((name) => producer.counters.increment({ key: here.key(name) })));
  await Promise.all(sent.map((submission) => submission.outcome()));
}

async function mend(here: Place, ...names: string[]): Promise<void> {
  await Promise.all(names.map((name) => here.client.del(here.key(name))));
}

const environmentOf = ({ redis, namespace, prefix }: Place) => ({
  REDIS_URL: redis,
  TALLY_NAMESPACE: namespace,
  TALLY_PREFIX: prefix,
});

test('failed updates are grouped by reason, operation and shape of the key, with first and last time, and filtered by each', async () => {
  const here = place();
  await here.worker();
  await failing(here, ['stock:1', 'stock:2', 'stock:2', 'views']);
  await wait(50); // a worker's idea of Redis' time may be some ms early
  await here.client.rpush(here.key('list'), 'x');
  await (await here.producer().xp.award({ key: here.key('list'), amount: 3 })).outcome();
  const source = sourceOf(here);
  const found = await groupFailures(source, { filter: {} }, 2);
  expect(found).toMatchObject({ updates: 5, jobs: 5, isWhole: true, faults: [] });
  expect(found.groups).toMatchObject([
    {
      reason: 'NOT_AN_INTEGER',
      operation: 'counter.increment',
      keyPattern: '{*}:stock:*',
      updates: 3,
      isForeign: false,
    },
    { reason: 'WRONG_TYPE', operation: 'xp.award', keyPattern: here.key('list'), updates: 1 }, // the later of the two
    { reason: 'NOT_AN_INTEGER', operation: 'counter.increment', keyPattern: '{*}:views', updates: 1 },
  ]);
  const [largest] = found.groups;
  const nowMs = toMs(await here.client.time());
  expect(largest!.firstAtMs).toBeLessThanOrEqual(largest!.lastAtMs);
  expect(Math.abs(largest!.lastAtMs - nowMs)).toBeLessThan(120_000);
  expect(found.latest).toHaveLength(2);
  const count = async (filter: object) => (await planRetry(source, { filter })).matched.updates;
  expect(await count({ reason: 'WRONG_TYPE' })).toBe(1);
  expect(await count({ operation: 'counter.*' })).toBe(4);
  expect(await count({ key: '*:stock:*' })).toBe(3);
  expect(await count({ key: here.key('stock:2'), operation: 'counter.increment' })).toBe(2);
  expect(await count({ key: 'elsewhere' })).toBe(0);
});

test('a group means its own updates, and no others that its pattern fits: over the library, HTTP and the command', async () => {
  const here = place();
  await here.worker();
  const names = ['stock:1', 'stock:2', 'stock:lamp:7', 'stock:lamp:8', 'stock:lamp:9'];
  await failing(here, names);
  const updates = ['list:1', 'stock:3'].map((name) => ({
    operation: 'xp.award' as const,
    params: { key: here.key(name), amount: 1 },
  }));
  await here.client.rpush(here.key('list:1'), 'x');
  await (await here.producer().submit({ operation: 'transaction', params: { updates } })).outcome();
  const source = sourceOf(here);
  const { groups } = await groupFailures(source, { filter: {} }, 0);
  const idOf = (keyPattern: string) => groups.find((group) => group.keyPattern === keyPattern)!.id;
  const countOf = async (group: string) => (await planRetry(source, { filter: { group } })).matched.updates;
  for (const group of groups) {
    expect(await countOf(group.id), group.id).toBe(group.updates);
  }
  expect(groups.map(({ updates }) => updates).sort()).toEqual([1, 2, 3]);
  expect(await countOf('no such group')).toBe(0);

  await mend(here, ...names);
  const { get, post } = await startApi(here);
  const listed = (await get<{ updates: number; groups: { id: string }[] }>('/v1/failures')).body;
  expect(listed.groups.map(({ id }) => id)).toEqual(groups.map(({ id }) => id));
  const group = idOf('{*}:stock:*');
  expect(await post('/v1/failures/retry', { group })).toMatchObject({ body: { done: { updates: 2 } } });
  await until('both are applied', async () => (await here.client.get(here.key('stock:2'))) === '1');
  expect(await here.client.exists(here.key('stock:lamp:7'))).toBe(0);
  const retried = await tally(environmentOf(here), 'failures', 'retry', '--group', idOf('{*}:stock:lamp:*'));
  expect(retried.stderr).toContain('retried 3 of 3 failed updates');
  await until('they are applied', async () => (await here.client.get(here.key('stock:lamp:9'))) === '1');
  expect((await planRetry(source, { filter: {} })).matched.updates).toBe(1);
});

test.each([
  [Array.from({ length: 20 }, (_, index) => `kind${'abcdefghijklmnopqrst'[index]}:x`), 20],
  [Array.from({ length: 21 }, (_, index) => `kind:${'abcdefghijklmnopqrstu'[index]}`), 1],
])('groups that would be too many tell less of a key apart: %#', async (names, count) => {
  const here = place();
  await here.worker();
  await failing(here, names);
  const source = sourceOf(here);
  const { groups } = await groupFailures(source, { filter: {} }, 0);
  expect(groups).toHaveLength(count);
  const [{ id, updates }] = groups as [(typeof groups)[0]];
  expect((await planRetry(source, { filter: { group: id } })).matched.updates).toBe(updates);
});

test('all that a filter means is retried and applied once, and nothing else is touched', async () => {
  const here = place();
  await here.worker();
  await failing(here, ['a', 'a', 'b']);
  await mend(here, 'a', 'b');
  const source = sourceOf(here);
  const filter = { key: here.key('a') };
  expect((await planRetry(source, { filter })).matched).toEqual({ updates: 2, jobs: 2 });
  expect(await here.client.exists(here.key('a')), 'a dry run').toBe(0);
  const done = await retryFailures(source, { filter });
  expect(done).toMatchObject({ matched: { updates: 2 }, done: { updates: 2, jobs: 2 }, left: { updates: 0 } });
  await until('both are applied', async () => (await here.client.get(here.key('a'))) === '2');
  expect(await here.client.exists(here.key('b'))).toBe(0);
  expect((await planRetry(source, { filter: {} })).matched.updates).toBe(1);
});

test('of what is retried and fails again at once, who asked is told', async () => {
  const here = place();
  await here.worker();
  await failing(here, ['a', 'a', 'b']);
  await mend(here, 'b');
  const done = await retryFailures(sourceOf(here), { filter: {} });
  expect(done).toMatchObject({ done: { updates: 3, jobs: 3 }, left: { updates: 2, jobs: 2 } });
});

test('what fails after it was counted is not removed, nor what was retried meanwhile', async () => {
  const here = place();
  const worker = await here.worker();
  await failing(here, ['a', 'a', 'a']);
  await until('their ends are those of Redis', async () => {
    const scores = await here.client.zrange(`${here.partition.prefix}:counters:failed`, '0', '-1', 'WITHSCORES');
    return scores.length === 6 && scores.every((text, index) => index % 2 === 0 || Number(text) % 1 === 0.5);
  });
  const source = sourceOf(here);
  const { untilMs } = await planRetry(source, { filter: {} });
  await failing(here, ['b']);
  await worker.close();
  const queue = openQueue(here);
  const [first] = await queue.getJobs(['failed'], 0, 0, true);
  await first!.retry('failed'); // and nobody works
  const done = await removeFailures(source, { filter: {}, untilMs });
  expect(done.done).toEqual({ updates: 2, jobs: 2 });
  expect(done.changed.map(({ operation, updates }) => ({ operation, updates }))).toEqual(
    Array.from({ length: 2 }, () => ({ operation: 'counter.increment', updates: 1 })),
  );
  expect(await queue.getJobCounts('failed', 'wait')).toEqual({ failed: 1, wait: 1 });
  for (const { jobId } of done.changed) {
    expect(await here.client.exists(`${here.partition.prefix}:counters:${jobId}`)).toBe(0);
  }
});

test('updates that a worker of another program completed are a group of their own, and are retried', async () => {
  const here = place();
  const foreign = await foreignWorker(here, 'counters', () => Promise.resolve('done'));
  const sent = await here.producer().counters.increment({ key: here.key('n') });
  await until('it has ended', async () => (await openQueue(here).getJobState(sent.jobId)) === 'completed');
  await foreign.close();
  await here.worker();
  const applied = await here.producer().counters.increment({ key: here.key('m') });
  await applied.outcome();
  const source = sourceOf(here);
  expect((await groupFailures(source, { filter: {} }, 0)).groups).toMatchObject([
    { status: 'unknown', reason: 'FOREIGN_WORKER', isForeign: true, updates: 1 },
  ]);
  const done = await retryFailures(source, { filter: { reason: 'FOREIGN_WORKER' } });
  expect(done.done).toEqual({ updates: 1, jobs: 1 });
  await until('it is applied', async () => (await here.client.get(here.key('n'))) === '1');
  await until('it is no failure any more', async () => (await planRetry(source, { filter: {} })).matched.updates === 0);
  expect(await here.client.get(here.key('m'))).toBe('1');
});

test('over HTTP they are listed, counted, retried, and removed only when their number is named', async () => {
  const here = place();
  await here.worker();
  await failing(here, ['a', 'a', 'b']);
  const { get, post } = await startApi(here);
  const list = (
    await get<{ updates: number; groups: unknown[]; latest: { id: string; params: unknown }[] }>(
      '/v1/failures?reason=NOT_AN_INTEGER&limit=1',
    )
  ).body;
  expect(list).toMatchObject({ updates: 3, jobs: 3, complete: true, unreachable: [] });
  expect(list.latest).toHaveLength(1);
  interface Change {
    matched: object;
    done?: object;
    left?: object;
    until: string;
    code?: string;
  }
  const dry = (await post<Change>('/v1/failures/remove', { dryRun: true })).body;
  expect(dry).toMatchObject({ matched: { updates: 3, jobs: 3 } });
  expect(dry.done).toBeUndefined();
  for (const updates of [undefined, 2, 4]) {
    expect(await post('/v1/failures/remove', { updates })).toMatchObject({
      status: 409,
      body: { code: 'COUNT_DIFFERS' },
    });
  }
  await mend(here, 'a');
  const retried = await post<Change>('/v1/failures/retry', { key: here.key('a') });
  expect(retried).toMatchObject({ status: 200, body: { matched: { updates: 2 }, done: { updates: 2 } } });
  await until('both are applied', async () => (await here.client.get(here.key('a'))) === '2');
  const removed = await post<Change>('/v1/failures/remove', { updates: 1, until: dry.until });
  expect(removed.body).toMatchObject({ done: { updates: 1 }, left: { updates: 0 } });
  expect((await get<{ updates: number }>('/v1/failures')).body.updates).toBe(0);
});

test.each([
  ['reason=%20', 'reason'],
  ['operation=a%0ab', 'operation'],
  [`key=${'k'.repeat(513)}`, 'key'],
  ['limit=1001', 'limit'],
  ['queue=counters', 'queue'],
])('a filter that can be none is refused by name: %s', async (query, name) => {
  const { get, post } = await startApi(place());
  expect(await get(`/v1/failures?${query}`)).toMatchObject({ status: 422, body: { errors: [{ path: name }] } });
  expect(await post('/v1/failures/retry', { reason: 7 })).toMatchObject({ status: 422 });
});

test('an API key is told of, and changes, what it may submit and nothing else; one that may only read changes nothing', async () => {
  const here = place();
  await here.worker();
  await failing(here, ['own:1', 'other:1']);
  await mend(here, 'own:1', 'other:1');
  const keyOf = async (settings: object) => `Bearer ${(await addKey(here, settings)).secret}`;
  const [own, reader, xp] = [
    await keyOf({ keys: [here.key('own:*')] }),
    await keyOf({ readOnly: true }),
    await keyOf({ operations: ['xp.*'] }),
  ];
  const api = await startApi(here);
  const updatesOf = async (key: string) =>
    ((await callerWith(api, key).get('/v1/failures')).body as unknown as { updates: number }).updates;
  expect([await updatesOf(own), await updatesOf(reader), await updatesOf(xp)]).toEqual([1, 2, 0]);
  for (const path of ['/v1/failures/retry', '/v1/failures/remove']) {
    expect(await callerWith(api, reader).post(path, { updates: 2 })).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN' },
    });
    expect(await callerWith(api, undefined).post(path, {})).toMatchObject({ status: 401 });
  }
  expect(await callerWith(api, xp).post('/v1/failures/retry', {})).toMatchObject({ body: { matched: { updates: 0 } } });
  expect(await callerWith(api, own).post('/v1/failures/retry', {})).toMatchObject({ body: { done: { updates: 1 } } });
  await until('its own is applied', async () => (await here.client.get(here.key('own:1'))) === '1');
  expect(await here.client.exists(here.key('other:1'))).toBe(0);
});

test('tally failures lists, retries and removes the same, and removes nothing without the number', async () => {
  const here = place();
  await here.worker();
  await failing(here, ['a', 'a', 'b']);
  const environment = environmentOf(here);
  const listed = await tally(environment, 'failures', 'list', '--json', '--limit', '1');
  expect(JSON.parse(listed.stdout)).toMatchObject({
    updates: 3,
    latest: [{ reason: 'NOT_AN_INTEGER' }],
    complete: true,
  });
  expect((await tally(environment, 'failures', 'list', '--key', here.key('b'))).stdout.trim().split('\n')).toHaveLength(
    1,
  );
  await mend(here, 'a');
  const retried = await tally(environment, 'failures', 'retry', '--key', here.key('a'));
  expect(retried).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('retried 2 of 2 failed updates') as string,
  });
  const refused = await tally(environment, 'failures', 'remove', '--reason', 'NOT_AN_INTEGER');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('--confirm 1');
  const removed = await tally(
    environment,
    'failures',
    'remove',
    '--reason',
    'NOT_AN_INTEGER',
    '--confirm',
    '1',
    '--json',
  );
  expect(JSON.parse(removed.stdout)).toMatchObject({
    done: { updates: 1 },
    changed: [{ queue: 'counters', updates: 1 }],
  });
  expect((await tally(environment, 'failures', 'retry', '--reason', 'nope')).code).toBe(2);
});
