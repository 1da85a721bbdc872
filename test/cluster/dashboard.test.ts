import { htmlUnescape } from 'escape-goat';
import { expect, test } from 'vitest';
import { Partitions } from '../../src/layout/partitions.js';
import { withHistory } from '../../src/operations/registry.js';
import { clusterOfThisFile } from '../support/cluster-of-this-file.js';
import { startDashboard } from '../support/dashboard.js';
import type { ShownQueue } from '../support/dashboard.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const cluster = clusterOfThisFile();

const operations = [withHistory('counter.increment', 20)];

async function begin() {
  const here = place(cluster.url);
  const { request } = await startDashboard(here, { operations });
  const page = async (path: string, query: Record<string, string>) => {
    const source = await (await request(`${path}?${new URLSearchParams(query).toString()}`)).text();
    return { source, text: htmlUnescape(source.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ') };
  };
  return {
    here,
    request,
    counters: async () => {
      const { queues } = (await (await request('/ops/queues/api/queues')).json()) as { queues: ShownQueue[] };
      return queues.filter(({ name }) => name.startsWith('counters'));
    },
    cellPage: (key: string) => page('/ops/keys', { key }),
    findPage: (update: string, key: string) => page('/ops/find', { update, key }),
  };
}

/** Keys that lie in slots all over the Cluster. */
function keysOf(here: Place, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n}-${here.key('n')}`.replace(/[{}]/g, ''));
}

/** Where the board has a job that was made for so many partitions. */
function boardNameOf(jobId: string, count: number): string {
  const [number, of] = new Partitions('any', count).ofJob(jobId).name!.split('-of-');
  return `counters-of-${of!}:${number!}`;
}

const boardLink = (name: string, jobId: string) => `href="/ops/queues/queue/${encodeURIComponent(name)}/${jobId}"`;

const EIGHT = ['1', '2', '3', '4', '5', '6', '7', '8'].map((number) => `counters-of-8:${number}`);

test('the board shows the eight partitions of each queue, of which each has its workers', async () => {
  const { here, counters } = await begin();
  expect((await counters()).map(({ name }) => name)).toEqual(EIGHT);
  await here
    .producer({ maxBatch: 1 })
    .submit(keysOf(here, 80).map((key) => ({ operation: 'counter.increment' as const, params: { key } })));
  const waiting = (await counters()).map(({ counts }) => counts['waiting']!);
  expect(waiting.reduce((sum, count) => sum + count, 0)).toBe(80);
  expect(Math.min(...waiting)).toBeGreaterThan(0);
  expect((await counters()).map(({ hasWorkers }) => hasWorkers)).toEqual(EIGHT.map(() => false));
  await here.worker({ partitionShare: { number: 1, of: 2 } });
  expect((await counters()).map(({ hasWorkers }) => hasWorkers)).toEqual(EIGHT.map((_, index) => index < 4));
});

test('failed jobs on all masters are found by their keys and retried from the board, and each takes effect once', async () => {
  const { here, cellPage, request } = await begin();
  await here.worker();
  const keys = keysOf(here, 12);
  await Promise.all(keys.map((key) => here.client.rpush(key, 'not a counter')));
  const submissions = await Promise.all(keys.map((key) => here.producer().counters.increment({ key })));
  await Promise.all(submissions.map((submission) => submission.outcome()));

  for (const [index, key] of keys.entries()) {
    const { jobId } = submissions[index]!;
    const { source, text } = await cellPage(key);
    expect(source).toContain(boardLink(boardNameOf(jobId, 8), jobId));
    expect(text).toContain(`failed counter.increment 1 ${jobId} failed WRONG_TYPE: `);
    expect(text).toContain('Looked at all jobs that wait, run or have failed: 12.');
  }
  await Promise.all(keys.map((key) => here.client.del(key)));
  const names = new Set(submissions.map(({ jobId }) => boardNameOf(jobId, 8)));
  expect(names.size).toBeGreaterThan(2);
  for (const name of names) {
    const path = `/ops/queues/api/queues/${encodeURIComponent(name)}/retry/failed`;
    expect((await request(path, { method: 'PUT' })).status).toBe(200);
  }
  const values = () => Promise.all(keys.map((key) => here.client.get(key)));
  await until('all are applied', async () => (await values()).every((value) => value === '1'));
});

test('a cell shows its changes from queues of several numbers of partitions, with the way to each job', async () => {
  const { here, cellPage, counters } = await begin();
  const [key = ''] = keysOf(here, 1);
  const jobIds: string[] = [];
  for (const [index, partitions] of [3, 4].entries()) {
    const worker = await here.worker({ partitions, operations });
    const submission = await here.producer({ partitions }).counters.increment({ key, by: index + 1 });
    await submission.outcome();
    jobIds.push(submission.jobId);
    await worker.close();
  }

  const { text, source } = await cellPage(key);

  expect(text).toMatch(/Value 3 Type of the key string .* \+2 3 .* \+1 1 /);
  expect(source).toContain(boardLink(boardNameOf(jobIds[0]!, 3), jobIds[0]!));
  expect(source).toContain(boardLink(boardNameOf(jobIds[1]!, 4), jobIds[1]!));
  expect((await counters()).map(({ name }) => name)).toEqual([
    ...['1', '2', '3'].map((number) => `counters-of-3:${number}`),
    ...['1', '2', '3', '4'].map((number) => `counters-of-4:${number}`),
  ]);
});

test('the keys that fit a pattern are found on all masters', async () => {
  const { here, cellPage } = await begin();
  const keys = keysOf(here, 12);
  await Promise.all(keys.map((key) => here.client.set(key, 7)));
  const { text } = await cellPage(keys[0]!.replace('0-', '*'));
  expect(text).toContain(' 12 keys. ');
  for (const key of keys) {
    expect(text).toContain(` ${key} string 7 `);
  }
});

test('an update is found by its id, and by its idempotency key together with the key that it changed', async () => {
  const { here, findPage } = await begin();
  await here.worker();
  for (const key of keysOf(here, 5)) {
    const idempotencyKey = `order of ${key}`;
    const submission = await here.producer().counters.increment({ key, by: 4 }, { idempotencyKey });
    await submission.outcome();
    for (const found of [await findPage(submission.id, ''), await findPage(idempotencyKey, key)]) {
      expect(found.text).toContain(`Update ${submission.id} Operation counter.increment`);
      expect(found.text).toContain('Outcome applied: {"value":4,"applied":4}');
      expect(found.source).toContain(boardLink(boardNameOf(submission.jobId, 8), submission.jobId));
    }
    expect((await findPage(idempotencyKey, '')).text).toContain('Nothing was found.');
  }
});
