import { expect, onTestFinished, test, vi } from 'vitest';
import { openQueue } from '../../src/jobs/queues.js';
import { toMs } from '../../src/redis/server-time.js';
import { RedisClock } from '../../src/redis/clock.js';
import { retireScript } from '../../src/bullmq/scripts.js';
import { ScriptRunner } from '../../src/redis/scripts.js';
import { Janitor } from '../../src/workers/janitor.js';
import type { KeepOutcomes } from '../../src/workers/keep-outcomes.js';
import { promoteSkewedRetries } from '../../src/workers/promote-skewed-retries.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const HOUR_MS = 3_600_000;

/** A janitor of the counters that cleans only when told. */
async function janitorOf(here: Place, keep: Pick<KeepOutcomes, 'bytes'> & { updates?: number } = {}): Promise<Janitor> {
  const queue = openQueue('counters', here.partition.prefix, here.client, here.logger);
  const clock = new RedisClock(here.client, here.logger);
  await clock.sample();
  const retire = retireScript();
  const scripts = new ScriptRunner(here.client, [retire]);
  const janitor = new Janitor([queue], {
    redis: here.client,
    clock,
    scripts,
    retire,
    logger: here.logger,
    keepOutcomes: { ms: 24 * HOUR_MS, updates: 1_000_000, ...keep },
    partitions: () => Promise.resolve([here.partition]),
  });
  onTestFinished(() => {
    janitor.close();
    clock.close();
  });
  return janitor;
}

/** Completed jobs, once the worker that settled them is gone. */
async function completedJobs(here: Place, count: number): Promise<string[]> {
  const worker = await here.worker({ queues: ['counters'] });
  const producer = here.producer({ maxBatch: 1 });
  const submissions = await producer.submit(
    Array.from({ length: count }, () => ({ operation: 'counter.increment' as const, params: { key: here.key('n') } })),
  );
  await Promise.all(submissions.map((submission) => submission.outcome()));
  await worker.close();
  return submissions.map(({ jobId }) => jobId);
}

test.each(['completed', 'failed'] as const)('the janitor removes %s jobs that were kept long enough', async (state) => {
  const here = place();
  const [old, recent] = (await completedJobs(here, 2)) as [string, string];
  const [set, nowMs] = [`${here.partition.prefix}:counters:${state}`, toMs(await here.client.time())];
  const keptMs = state === 'completed' ? 24 * HOUR_MS : 14 * 24 * HOUR_MS;
  await here.client.del(`${here.partition.prefix}:counters:completed`);
  await here.client.zadd(set, nowMs - keptMs - 60_000 + 0.5, old, nowMs - keptMs + 60_000 + 0.5, recent);
  const hash = `${here.partition.prefix}:counters:${old}`;
  await here.client.hset(hash, 'deid', 'once');
  await here.client.set(`${here.partition.prefix}:counters:de:once`, old);
  await here.client.rpush(`${hash}:logs`, 'a line');

  await (await janitorOf(here)).clean();

  expect(await here.client.zrange(set, '0', '-1')).toEqual([recent]);
  const left = await keysLike(here, `${here.prefix}*${old}*`);
  expect([...left, ...(await keysLike(here, `${here.prefix}*:de:*`))]).toEqual([]);
  expect(await here.client.exists(`${here.partition.prefix}:counters:${recent}`)).toBe(1);
});

/** Waits until all that completed is counted as kept. */
async function countedJobs(here: Place): Promise<number> {
  return Number(await here.client.hget(`${here.partition.prefix}:counters:completed:kept`, 'jobs'));
}

const kept = (here: Place) => here.client.zrange(`${here.partition.prefix}:counters:completed`, '0', '-1');

test('more updates than are kept go, the oldest first, however young', async () => {
  const here = place();
  const ids = await completedJobs(here, 20);
  expect(await countedJobs(here)).toBe(20);
  await (await janitorOf(here, { updates: 12 })).clean();
  const left = await kept(here);
  expect(left).toHaveLength(12);
  expect(ids).toEqual(expect.arrayContaining(left));
  expect(await countedJobs(here)).toBe(12);
  const jobs = await keysLike(here, `${here.partition.prefix}:counters:????????-*`.replace(/[{}]/g, '?'));
  expect(jobs).toHaveLength(12);
});

test('what is kept takes as much of the memory as it may, within a tenth', async () => {
  const here = place();
  await completedJobs(here, 300);
  const maxBytes = 200_000;
  await (await janitorOf(here, { bytes: maxBytes })).clean();
  const left = await kept(here);
  const servers = 'nodes' in here.client ? here.client.nodes() : here.client.masters();
  const usages = await Promise.all(
    left.map(async (id) => {
      const each = servers.map((server) =>
        server.memory('USAGE', `${here.partition.prefix}:counters:${id}`, 'SAMPLES', 0).catch(() => null),
      );
      return (await Promise.all(each)).find((bytes) => bytes !== null) ?? 0;
    }),
  );
  const entries = 250 * left.length; // of the sorted set, and in the tables of Redis
  const bytes = usages.reduce((sum, each) => sum + each, entries);
  expect(bytes / maxBytes).toBeGreaterThan(0.75); // 0.9 on Redis; Valkey 9 keeps jobs in four fifths of the memory
  expect(bytes / maxBytes).toBeLessThan(1.1);
});

test('jobs that nobody has counted are counted by a sample, and others that were removed are not missed', async () => {
  const here = place();
  await completedJobs(here, 20);
  await here.client.del(`${here.partition.prefix}:counters:completed:kept`);
  const janitor = await janitorOf(here, { updates: 15 });
  await janitor.clean();
  expect(await kept(here)).toHaveLength(15);
  await here.client.zremrangebyrank(`${here.partition.prefix}:counters:completed`, 0, 4);
  await janitor.clean();
  expect(await kept(here), 'ten of fifteen updates').toHaveLength(10);
});

test.each<[what: string, agoMs: number]>([
  ['hours back', -48 * HOUR_MS],
  ['hours ahead', 48 * HOUR_MS],
])('a job that ended by a clock %s is kept for as long as any other, from when it is seen', async (_what, offMs) => {
  const here = place();
  const [job] = (await completedJobs(here, 1)) as [string];
  const completed = `${here.partition.prefix}:counters:completed`;
  const nowMs = toMs(await here.client.time());
  await here.client.zadd(completed, nowMs + offMs, job); // a whole number: nobody has corrected it

  await (await janitorOf(here)).clean();

  const score = Number(await here.client.zscore(completed, job));
  expect(score % 1, 'not that of a settled job').toBe(0.25);
  expect(score).toBeGreaterThanOrEqual(nowMs);
  expect(score).toBeLessThan(nowMs + HOUR_MS);
  expect(await here.client.exists(`${here.partition.prefix}:counters:${job}`)).toBe(1);
});

test('a worker corrects the end of its jobs to the time of Redis, also when its own clock is hours ahead', async () => {
  const here = place();
  await here.client.set(here.key('bad'), 'not a number');
  const { now } = Date;
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + 5 * HOUR_MS);
  onTestFinished(() => {
    clock.mockRestore();
  });
  const worker = await here.worker({ queues: ['counters'] });
  const producer = here.producer({ maxBatch: 1 });
  const submissions = await producer.submit(
    ['n', 'bad'].map((name) => ({ operation: 'counter.increment' as const, params: { key: here.key(name) } })),
  );
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
  expect(outcomes.map(({ status }) => status)).toEqual(['applied', 'failed']);
  await worker.close();
  clock.mockRestore();

  for (const state of ['completed', 'failed']) {
    const [, score] = await here.client.zrange(`${here.partition.prefix}:counters:${state}`, '0', '-1', 'WITHSCORES');
    expect(Number(score) % 1, state).toBe(0.5);
    expect(Math.abs(Number(score) - toMs(await here.client.time())), state).toBeLessThan(HOUR_MS);
  }
});

test('a retry that a worker with a clock minutes ahead has put off is taken up in time by another', async () => {
  const here = place();
  const submission = await here.producer().counters.increment({ key: here.key('n') });
  // A user that may not keep receipts: an error of Redis that is not about the counter, so the job is tried again.
  const user = `user-${here.namespace}`;
  const servers = 'nodes' in here.client ? here.client.nodes() : here.client.masters();
  const rules = [
    'on',
    '>secret',
    `~${here.prefix}*`,
    `~${here.namespace}:partitions`,
    `~${here.key('*')}`,
    '&*',
    '+@all',
  ];
  await Promise.all(servers.map((server) => server.acl('SETUSER', user, ...rules)));
  onTestFinished(async () => {
    await Promise.all(servers.map((server) => server.acl('DELUSER', user)));
  });
  const { now } = Date;
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + 5 * 60_000);
  onTestFinished(() => {
    clock.mockRestore();
  });
  const ahead = await here.worker({ redis: here.redis.replace('://', `://${user}:secret@`) });
  const delayed = `${here.partition.prefix}:counters:delayed`;
  await until('the job is to be tried again', async () => (await here.client.zcard(delayed)) === 1);
  await ahead.close();
  clock.mockRestore();
  const [, score] = await here.client.zrange(delayed, '0', '-1', 'WITHSCORES');
  expect(Number(score) / 0x1000 - Date.now(), 'ms until it is due').toBeGreaterThan(4 * 60_000);

  await here.worker();
  expect(await submission.outcome({ timeoutMs: 15_000 })).toEqual({
    status: 'applied',
    result: { value: 1, applied: 1 },
  });
});

test('a job that was delayed on purpose is left alone', async () => {
  const here = place();
  await here.worker({ queues: ['counters'] });
  const queue = openQueue('counters', here.partition.prefix, here.client, here.logger);
  const job = await queue.add(
    'counter.increment',
    { updates: [{ key: here.key('n'), by: 1 }] },
    { delay: 3_600_000, jobId: `delayed-${here.namespace}` },
  );
  expect(await promoteSkewedRetries(queue, here.client, Date.now())).toEqual([]);
  expect(await job.isDelayed()).toBe(true);
});
