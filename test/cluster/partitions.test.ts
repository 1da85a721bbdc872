import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { Partitions } from '../../src/layout/partitions.js';
import { slotOf } from '../../src/redis/slots.js';
import { startWorkerProcess } from '../support/child.js';
import { clusterOfThisFile } from '../support/cluster-of-this-file.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const cluster = clusterOfThisFile();

const KEYS = 40;

/** Increments cells in 40 slots with a producer that splits queues into so many partitions; returns the value that each saw. */
async function incrementAll(
  here: Place,
  turns: number,
  partitions: number,
  maxBatch = 4,
): Promise<() => Promise<string[]>> {
  const producer = here.producer({ partitions, maxBatch });
  const submissions = await Promise.all(
    Array.from({ length: KEYS * turns }, (_, index) =>
      producer.counters.increment({ key: here.scattered(`n${index % KEYS}`) }),
    ),
  );
  return async () => {
    const outcomes = await Promise.all(submissions.map((submission) => submission.outcome({ timeoutMs: 60_000 })));
    return outcomes.map((it, index) => `n${index % KEYS}: ${it.status === 'applied' ? it.result.value : it.reason}`);
  };
}

/** What increments saw when each was applied once: every value of every cell. */
function eachOnce(turns: number): string[] {
  return Array.from({ length: KEYS * turns }, (_, index) => `n${index % KEYS}: ${1 + Math.floor(index / KEYS)}`).sort();
}

async function expectTotals(here: Place, turns: number): Promise<void> {
  const values = await Promise.all(Array.from({ length: KEYS }, (_, n) => here.client.get(here.scattered(`n${n}`))));
  expect(values).toEqual(values.map(() => String(turns)));
}

test('the number of partitions changes from 4 to 8 to 3 while jobs wait and workers run: nothing is lost or doubled', async () => {
  const here = place(cluster.url);
  const seen = [await incrementAll(here, 5, 4)]; // wait before there is any worker
  const first = await here.worker({ partitions: 4 });
  seen.push(await incrementAll(here, 5, 8)); // to partitions of which that worker hears later
  const second = here.worker({ partitions: 3 });
  seen.push(await incrementAll(here, 5, 3), await incrementAll(here, 5, 4));
  await second;
  const last = await incrementAll(here, 5, 8);
  await first.close(); // jobs of all numbers are left to the worker that was told another
  const values = await Promise.all([...seen, last].map((valuesOf) => valuesOf()));
  expect(values.flat().sort()).toEqual(eachOnce(25));
  await expectTotals(here, 25);
});

test('a worker that runs begins to serve the partitions of a new number by itself', async () => {
  const here = place(cluster.url);
  await here.worker({ partitions: 2 });
  const values = await incrementAll(here, 2, 5);
  expect((await values()).sort()).toEqual(eachOnce(2));
});

test('a job that failed in a partition of an earlier number is retried there', async () => {
  const here = place(cluster.url);
  const bad = here.scattered('bad');
  await here.client.set(bad, 'not a number');
  const first = await here.worker({ partitions: 4 });
  const submission = await here.producer({ partitions: 4 }).counters.increment({ key: bad });
  expect(await submission.outcome()).toMatchObject({ status: 'failed', reason: 'NOT_AN_INTEGER' });
  await first.close();

  await here.worker({ partitions: 3 });
  await here.client.set(bad, '5');
  const { prefix } = new Partitions(here.prefix, 4).ofSlot(slotOf(bad));
  const queue = new Queue('counters', { connection: here.client, prefix });
  onTestFinished(() => queue.close());
  const [failed] = await queue.getFailed();
  expect(failed?.id).toBe(submission.jobId);
  await failed!.retry();
  await until('it is applied', async () => (await here.client.get(bad)) === '6');
});

test('two workers with half of the partitions each do all jobs together, and each only its own', async () => {
  const here = place(cluster.url);
  const done = await Promise.all(
    [1, 2].map(async (number) => {
      const jobIds: string[] = [];
      const worker = await here.worker({ partitionShare: { number, of: 2 } });
      worker.on('completed', ({ jobId }) => jobIds.push(jobId));
      return jobIds;
    }),
  );
  const values = await incrementAll(here, 10, 8, 1);
  expect((await values()).sort()).toEqual(eachOnce(10));
  await until('all completions are heard of', () => done.flat().length === KEYS * 10);

  const partitions = new Partitions(here.prefix, 8);
  const halves = [partitions.all.slice(0, 4), partitions.all.slice(4)];
  for (const [index, jobIds] of done.entries()) {
    expect(jobIds.filter((jobId) => !halves[index]!.includes(partitions.ofJob(jobId)))).toEqual([]);
    expect(jobIds.length).toBeGreaterThan(0);
  }
  await expectTotals(here, 10);
});

test.each([2, 4])('%i worker processes share the work, and no update is doubled', async (count) => {
  const here = place(cluster.url);
  const processes = await Promise.all(Array.from({ length: count }, () => startWorkerProcess(here)));
  const rounds = await Promise.all([1, 2, 3].map(() => incrementAll(here, 10, 8, 1)));
  const values = await Promise.all(rounds.map((valuesOf) => valuesOf()));
  expect(values.flat().sort()).toEqual(eachOnce(30));
  await expectTotals(here, 30);
  await until('all completions are heard of', () => {
    return processes.reduce((sum, { completed }) => sum + completed(), 0) === KEYS * 30;
  });
  for (const { completed } of processes) {
    expect(completed()).toBeGreaterThan(KEYS);
  }
});
