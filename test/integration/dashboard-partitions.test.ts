import { htmlUnescape } from 'escape-goat';
import { expect, test } from 'vitest';
import { Partitions } from '../../src/layout/partitions.js';
import { withHistory } from '../../src/operations/registry.js';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import type { ShownQueue } from '../support/dashboard.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const operations = [withHistory('counter.increment', 20)];

async function begin(here: Place = place()) {
  skipUnlessOneServer('it has queues that are not split');
  const dashboard = await startDashboard(here, { operations });
  const shown = async (headers: Record<string, string> = {}) => {
    const answer = await dashboard.request('/ops/queues/api/queues', { headers });
    return ((await answer.json()) as { queues: ShownQueue[] }).queues;
  };
  const page = async (path: string, query: Record<string, string>) => {
    const source = await (await dashboard.request(`${path}?${new URLSearchParams(query).toString()}`)).text();
    return { source, text: htmlUnescape(source.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ') };
  };
  return {
    here,
    dashboard,
    shown,
    counters: async () => (await shown()).filter(({ name }) => name.startsWith('counters')),
    act: (action: string) => dashboard.request(`/ops/queues/api/queues/${action}`, { method: 'PUT' }),
    cellPage: (key: string) => page('/ops/keys', { key }),
    findPage: (update: string, owner = '') => page('/ops/find', { update, owner }),
  };
}

/** A key that may lie in any slot, unlike those of `place`. */
function keyAnywhere(here: Place, name: string): string {
  return here.key(name).replace(/[{}]/g, '');
}

/** Where the board has a job that was made for so many partitions. */
function boardNameOf(jobId: string, count: number): string {
  const [number, of] = new Partitions('any', count).ofJob(jobId).name!.split('-of-');
  return `counters-of-${of!}:${number!}`;
}

const boardLink = (name: string, jobId: string) => `href="/ops/queues/queue/${encodeURIComponent(name)}/${jobId}"`;

/** Adds a failed job for each of some keys. @returns the ids of the jobs */
async function addFailedJobs(here: Place, partitions: number, keys: readonly string[]): Promise<string[]> {
  const worker = await here.worker({ partitions });
  const producer = here.producer({ partitions, maxBatch: 1 });
  await Promise.all(keys.map((key) => here.client.rpush(key, 'not a counter')));
  const submissions = await Promise.all(keys.map((key) => producer.counters.increment({ key })));
  await Promise.all(submissions.map((submission) => submission.outcome()));
  await worker.close();
  return submissions.map(({ jobId }) => jobId);
}

test('the board lists the six queues and says in words what each carries', async () => {
  const shown = await (await begin()).shown();
  expect(shown.map(({ name, displayName }) => `${name} ${displayName}`).sort()).toEqual([
    'counters Counters',
    'expiries Expiries',
    'inventory Inventory',
    'scores Scores',
    'transactions Transactions',
    'xp XP',
  ]);
  for (const queue of shown) {
    expect(queue).toMatchObject({ allowRetries: true, allowCompletedRetries: false });
  }
  expect(shown.find(({ name }) => name === 'counters')?.description).toContain(
    'counter.increment: Adds `by` to a counter',
  );
});

test('queues that are not split look as ever, and partitions stand beside them as groups', async () => {
  const { here, shown } = await begin();
  const before = await shown();
  expect(before.map(({ name, delimiter }) => name + delimiter)).toEqual([
    ...['counters', 'inventory', 'expiries', 'xp', 'scores', 'transactions'],
  ]);
  await here.producer({ partitions: 3 }).counters.increment({ key: here.key('n') });

  const after = await shown();

  expect(after.slice(0, 6).map(({ hasWorkers: _, ...queue }) => queue)).toEqual(
    before.map(({ hasWorkers: _, ...queue }) => queue),
  );
  expect(after).toHaveLength(6 + 3 * 6);
  expect(after.filter(({ name }) => name.startsWith('xp-')).map(({ name }) => name)).toEqual([
    ...['xp-of-3:1', 'xp-of-3:2', 'xp-of-3:3'],
  ]);
  expect(after.find(({ name }) => name === 'xp-of-3:2')).toMatchObject({ displayName: 'XP 2 of 3', delimiter: ':' });
  expect(after.reduce((sum, { counts }) => sum + counts['waiting']!, 0)).toBe(1);
});

test('more than nine partitions are sorted by their numbers', async () => {
  const { here, counters } = await begin();
  await here.producer({ partitions: 12 }).counters.increment({ key: here.key('n') });
  const partitions = (await counters()).filter(({ delimiter }) => delimiter === ':');
  const sorted = partitions.map(({ displayName }) => displayName).sort((one, other) => one.localeCompare(other));
  expect(partitions.map(({ displayName }) => displayName)).toEqual(sorted);
  expect([sorted[0], sorted[11]]).toEqual(['Counters 01 of 12', 'Counters 12 of 12']);
});

test('partitions that a producer begins to use appear for viewers and operators without a restart, and go with their number', async () => {
  const here = place();
  await Promise.all([addUser(here, 'vera', 'viewer'), addUser(here, 'olaf', 'operator')]);
  const { dashboard, shown } = await begin(here);
  const cookies = await Promise.all(['vera', 'olaf'].map((name) => dashboard.signIn(name)));
  const lengths = () => Promise.all(cookies.map(async (cookie) => (await shown({ cookie })).length));
  expect(await lengths()).toEqual([6, 6]);
  await here.producer({ partitions: 2 }).counters.increment({ key: here.key('n') });
  expect(await lengths()).toEqual([18, 18]);
  await here.producer({ partitions: 4 }).counters.increment({ key: here.key('n') });
  expect(await lengths()).toEqual([42, 42]);
  await here.client.srem(createKeys(here).partitionCounts, 4);
  expect(await lengths()).toEqual([18, 18]);
});

test('a partition is paused, and said to be without workers, by itself', async () => {
  const { here, counters, act } = await begin();
  await here.worker({ partitions: 3, partitionShare: { number: 2, of: 3 } });
  expect((await act('counters-of-3%3A3/pause')).status).toBe(200);
  expect((await counters()).map(({ name, isPaused, hasWorkers }) => [name, isPaused, hasWorkers])).toEqual([
    ['counters', false, true],
    ['counters-of-3:1', false, false],
    ['counters-of-3:2', false, true],
    ['counters-of-3:3', true, false],
  ]);
});

test('the page of a key leads to its jobs in their partition, where they can be retried; the audit tells which', async () => {
  const { here, act, cellPage, dashboard } = await begin();
  const keys = Array.from({ length: 6 }, (_, n) => keyAnywhere(here, `wrong-${n}`));
  const jobIds = await addFailedJobs(here, 3, keys);
  const names = jobIds.map((jobId) => boardNameOf(jobId, 3));
  expect(new Set(names).size).toBeGreaterThan(1);
  await here.worker();

  for (const [index, key] of keys.entries()) {
    const [jobId, name] = [jobIds[index]!, names[index]!];
    const { source, text } = await cellPage(key);
    expect(source).toContain(boardLink(name, jobId));
    expect(text).toContain('Looked at all jobs that wait, run or have failed: 6.');
    const job = await dashboard.request(`/ops/queues/api/queues/${encodeURIComponent(name)}/${jobId}`);
    expect(await job.json()).toMatchObject({
      status: 'failed',
      job: { externalUrl: { href: `/ops/find?update=${jobId}.0` } },
    });
  }
  await here.client.del(keys[0]!);
  expect((await act(`${encodeURIComponent(names[0]!)}/${jobIds[0]!}/retry`)).status).toBe(204);
  await until('it is applied', async () => (await here.client.get(keys[0]!)) === '1');
  await until('it is noted', async () => (await here.client.llen(`${here.namespace}:audit`)) === 1);
  const audit = await (await dashboard.request('/ops/audit')).text();
  expect(audit).toContain(`data-label="Queue">${names[0]!}</td>`);
  expect(audit).toContain(boardLink(names[0]!, jobIds[0]!));
});

test('changes made by split queues and by others are one list by time, each with the way to its job', async () => {
  const { here, cellPage } = await begin();
  const key = here.key('n');
  await here.worker({ operations, partitions: 3 });
  const producers = [here.producer(), here.producer({ partitions: 3 }), here.producer({ partitions: 4 })] as const;
  await producers[2].counters.increment({ key: here.key('announces') });
  const jobIds: string[] = [];
  for (const by of [1, 2, 3, 4, 5, 6]) {
    const submission = await producers[by % 2]!.counters.increment({ key, by });
    await submission.outcome();
    jobIds.push(submission.jobId);
  }

  const { text, source } = await cellPage(key);

  expect(text).toContain('Value 21 Type');
  expect(text).toMatch(/\+6 21 .* \+5 15 .* \+4 10 .* \+3 6 .* \+2 3 .* \+1 1 /);
  expect(text).not.toContain('keeps no history.');
  for (const [index, jobId] of jobIds.entries()) {
    expect(source).toContain(boardLink(index % 2 === 1 ? 'counters' : boardNameOf(jobId, 3), jobId));
  }
});

test('an update is found by its id in whatever partitions it was put, with the way to its job', async () => {
  const { here, findPage } = await begin();
  await here.worker();
  for (const count of [2, 3, 5]) {
    const submission = await here
      .producer({ partitions: count })
      .counters.increment({ key: keyAnywhere(here, `n${count}`) });
    const waiting = await findPage(submission.id);
    expect(waiting.text).toContain(`Update ${submission.id} Operation counter.increment`);
    expect(waiting.source).toContain(boardLink(boardNameOf(submission.jobId, count), submission.jobId));
  }
});

test('an idempotency key is found in whatever partitions its update was put, as one of its owner and operation', async () => {
  const { here, findPage } = await begin();
  await here.worker();
  const [key, idempotencyKey] = [here.key('n'), here.key('order')];
  const split = here.producer({ partitions: 3 });
  const first = await split.counters.increment({ key, by: 7 }, { idempotencyKey });
  await first.outcome();
  const award = await here.producer().xp.award({ key: here.key('xp'), amount: 7 }, { idempotencyKey });
  const owned = await split.counters.increment({ key, by: 7 }, { idempotencyKey, idempotencyOwner: 'shop: 7' });
  await Promise.all([award.outcome(), owned.outcome()]);

  const [unowned, ofShop] = [await findPage(idempotencyKey), await findPage(idempotencyKey, 'shop: 7')];

  expect(unowned.text).not.toContain('Key that it changes');
  expect(unowned.text).toContain(`Update ${first.jobId}.0`);
  expect(unowned.source).toContain(boardLink(boardNameOf(first.jobId, 3), first.jobId));
  expect(unowned.text).toContain(`Update ${award.jobId}.0`);
  expect(unowned.text).not.toContain(`Update ${owned.jobId}.0`);
  expect(ofShop.text).toContain(`Update ${owned.jobId}.0`);
  expect(ofShop.text).not.toContain(`Update ${first.jobId}.0`);
  expect(ofShop.source).toContain(`name="owner" value="shop: 7"`);
});

test('a job in a partition that belongs to two numbers is listed once', async () => {
  const { here, cellPage, counters } = await begin();
  const inTheMiddle = Array.from({ length: 100 }, (_, n) => keyAnywhere(here, `n${n}`)).find(
    (key) => new Partitions('any', 3).ofSlot(slotOf(key)).name === '2-of-3',
  )!;
  await here.producer({ partitions: 1 }).counters.increment({ key: here.key('announces') });
  const { jobId } = await here.producer({ partitions: 3 }).counters.increment({ key: inTheMiddle });

  const { text } = await cellPage(inTheMiddle);

  expect(text.split(jobId)).toHaveLength(2);
  expect(text).toContain('Looked at all jobs that wait, run or have failed: 2.');
  const waiting = Object.fromEntries((await counters()).map(({ name, counts }) => [name, counts['waiting']]));
  expect(waiting).toMatchObject({ 'counters-of-1:1': 2, 'counters-of-3:2': 2 });
});
