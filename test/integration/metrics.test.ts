import { createRequire } from 'node:module';
import { Queue } from 'bullmq';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createMetrics } from '../../src/index.js';
import type { Metrics } from '../../src/index.js';
import { startWorkerProcess } from '../support/child.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const require = createRequire(import.meta.url);

interface Family {
  name: string;
  metrics: { labels?: Record<string, string>; value: string }[];
}

const parse = require('parse-prometheus-text-format') as (text: string) => Family[];

/** The samples of a series by the values of their labels. */
async function samples(metrics: Metrics, name: string): Promise<Record<string, number>> {
  // The parser knows histograms without labels only: not told the type, it reads their series as they are.
  const text = (await metrics.text()).replace(/^# TYPE .* histogram$/gm, '');
  const family = parse(text).find((it) => it.name === name);
  return Object.fromEntries(
    (family?.metrics ?? []).map(({ labels = {}, value }) => [Object.values(labels).join(' '), Number(value)]),
  );
}

/** The samples other than zero. */
async function moved(metrics: Metrics, name: string): Promise<Record<string, number>> {
  return Object.fromEntries(Object.entries(await samples(metrics, name)).filter(([, value]) => value !== 0));
}

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key } });

const endedOf = (metrics: Metrics) => moved(metrics, 'tally_updates_total');

test('each update of a batch is counted once by what became of it, a failed one when the job put back for it has', async () => {
  const here = place();
  const metrics = createMetrics();
  const [stock, wrong, idempotencyKey] = [here.key('stock'), here.key('wrong'), here.key('order')];
  await here.client.set(stock, '5');
  await here.client.rpush(wrong, 'not a number');
  const take = (key: string, quantity: number, more = {}) => {
    return { operation: 'inventory.take' as const, params: { key, quantity, whenShort: 'reject' as const }, ...more };
  };
  await here
    .producer({ metrics })
    .submit([
      take(stock, 1, { idempotencyKey }),
      take(stock, 1),
      take(stock, 1, { idempotencyKey }),
      take(stock, 2, { idempotencyKey }),
      take(stock, 100),
      take(wrong, 1),
    ]);
  await here.worker({ metrics });
  await until('all have ended', async () => 'inventory.take failed' in (await endedOf(metrics)));
  expect(await endedOf(metrics)).toEqual({
    'inventory.take applied': 2,
    'inventory.take conflict': 1,
    'inventory.take rejected': 1,
    'inventory.take failed': 1,
  });
  expect(await moved(metrics, 'tally_duplicate_updates_total')).toEqual({ 'inventory.take': 1 });
  expect(await moved(metrics, 'tally_updates_submitted_total')).toEqual({ 'inventory.take': 6 });
  expect(await samples(metrics, 'tally_job_updates_count')).toEqual({ 'inventory.take': 1 });
  expect(await samples(metrics, 'tally_job_updates_sum')).toEqual({ 'inventory.take': 6 });
  expect(await moved(metrics, 'tally_job_attempts_total')).toEqual({ inventory: 2 });
  expect(await moved(metrics, 'tally_job_retries_total')).toEqual({});
  expect(await samples(metrics, 'tally_script_duration_seconds_count')).toEqual({ inventory: 2 });
  expect(await completedJobs(metrics)).toEqual({ inventory: 1 });
});

const completedJobs = (metrics: Metrics) => samples(metrics, 'tally_job_duration_seconds_count');

test('a job lasts from the moment it was added, not from that of its last attempt', async () => {
  const here = place();
  const metrics = createMetrics();
  const { jobId } = await here.producer().submit(increment(here.key('n')));
  await here.client.hset(`${here.partition.prefix}:counters:${jobId}`, 'timestamp', Date.now() - 100_000);
  await here.worker({ metrics });
  await until('it is counted', async () => 'counters' in (await completedJobs(metrics)));
  expect(await completedJobs(metrics)).toEqual({ counters: 1 });
  const { counters: seconds } = await samples(metrics, 'tally_job_duration_seconds_sum');
  expect(seconds).toBeGreaterThanOrEqual(100);
  expect(seconds).toBeLessThan(130);
});

test('updates that a producer answers by their idempotency keys are counted there, and no job is', async () => {
  const here = place();
  const metrics = createMetrics();
  const producer = here.producer({ metrics });
  const worker = await here.worker();
  const [key, idempotencyKey] = [here.key('n'), here.key('once')];
  await (await producer.counters.increment({ key }, { idempotencyKey })).outcome();
  await worker.close();
  await producer.counters.increment({ key }, { idempotencyKey });
  await producer.counters.increment({ key, by: 2 }, { idempotencyKey });
  const refused = producer.submit([{ ...increment(here.key('other')), idempotencyKey }], { refuseConflicts: true });
  await expect(refused).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  expect(await moved(metrics, 'tally_updates_submitted_total')).toEqual({ 'counter.increment': 4 });
  expect(await moved(metrics, 'tally_duplicate_updates_total')).toEqual({ 'counter.increment': 1 });
  expect(await endedOf(metrics)).toEqual({ 'counter.increment conflict': 2 });
});

test('an update of which it is not known whether it was applied is counted as such, alone and out of a batch', async () => {
  const here = place();
  const metrics = createMetrics();
  const producer = here.producer({ idempotencyWindowMs: 1_000 });
  const keyed = (name: string) => ({ ...increment(here.key('n')), idempotencyKey: name });
  await producer.submit(keyed('alone'));
  await producer.submit([keyed('one'), keyed('two'), increment(here.key('n'))]);
  const seconds = async () => Number((await here.client.time())[0]);
  const sentAt = await seconds();
  await until('the window is over', async () => (await seconds()) > sentAt + 3);
  await here.worker({ metrics });
  await until('all have ended', async () => (await endedOf(metrics))['counter.increment unknown'] === 3);
  expect(await endedOf(metrics)).toEqual({ 'counter.increment applied': 1, 'counter.increment unknown': 3 });
  expect(await moved(metrics, 'tally_job_retries_total')).toEqual({});
});

test('jobs of a newer form are told as long as they are met', async () => {
  const here = place();
  const metrics = createMetrics();
  await openQueue(here, 'counters').add('counter.increment', { v: 99, anything: true });
  await here.worker({ metrics });
  await until('it is told', async () => (await moved(metrics, 'tally_jobs_newer_form'))['counters'] === 1);
  expect(await moved(metrics, 'tally_job_retries_total')).toEqual({});
  const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 91_000);
  const later = await moved(metrics, 'tally_jobs_newer_form');
  clock.mockRestore();
  expect(later).toEqual({});
});

test('a retry is counted as one, and the update once when it is applied', async () => {
  const redis = await ownRedis();
  const { client, ...here } = place(redis.url);
  const key = here.key('n');
  const rights = ['on', '>secret', '+@all', '&*', `%R~${here.namespace}:*`, `~${here.prefix}:*`, `~${key}`];
  await client.acl('SETUSER', 'worker', ...rights);
  const metrics = createMetrics();
  const { jobId } = await here.producer().submit(increment(key));
  await here.worker({ metrics, redis: redis.url.replace('//', '//worker:secret@') });
  await until('it is tried again', async () => 'counters' in (await moved(metrics, 'tally_job_retries_total')));
  expect(await endedOf(metrics)).toEqual({});
  await client.acl('SETUSER', 'worker', `~${here.namespace}:*`);
  await until('it is applied', async () => 'counter.increment applied' in (await endedOf(metrics)));
  const attempts = Number(await client.hget(`${here.partition.prefix}:counters:${jobId}`, 'atm'));
  expect(attempts).toBeGreaterThan(1);
  expect(await moved(metrics, 'tally_job_attempts_total')).toEqual({ counters: attempts });
  expect(await moved(metrics, 'tally_job_retries_total')).toEqual({ counters: attempts - 1 });
  expect(await endedOf(metrics)).toEqual({ 'counter.increment applied': 1 });
});

test('a job whose worker was killed is counted as stalled by the one that gives it on, and applied once', async () => {
  const here = place();
  const metrics = createMetrics();
  const killed = await startWorkerProcess(here, 'before-script', { lockDurationMs: 500, stalledIntervalMs: 100 });
  await here.producer().submit(increment(here.key('n')));
  expect(await killed.ended).toBe('SIGKILL');
  await here.worker({ metrics, stalledIntervalMs: 100 }); // its own lock lasts: on a busy machine its job would stall, too
  await until('it is applied', async () => 'counter.increment applied' in (await endedOf(metrics)));
  expect(await moved(metrics, 'tally_stalled_jobs_total')).toEqual({ counters: 1 });
  expect(await endedOf(metrics)).toEqual({ 'counter.increment applied': 1 });
  expect(await moved(metrics, 'tally_job_attempts_total')).toEqual({ counters: 1 });
});

test('a completed job that is retried by hand is another attempt, but no other update', async () => {
  const here = place();
  const metrics = createMetrics();
  await here.worker({ metrics });
  const submission = await here.producer().submit(increment(here.key('n')));
  await submission.outcome();
  const key = `${here.partition.prefix}:counters:${submission.jobId}`;
  await until('it is settled', async () => (await here.client.hexists(key, 'progress')) === 1);
  const queue = openQueue(here, 'counters');
  await (await queue.getJob(submission.jobId))!.retry('completed');
  await until('it ran again', async () => (await samples(metrics, 'tally_job_attempts_total'))['counters'] === 2);
  await until(
    'it is completed again',
    async () => (await here.client.zcard(`${here.partition.prefix}:counters:completed`)) === 1,
  );
  expect(await endedOf(metrics)).toEqual({ 'counter.increment applied': 1 });
  expect(await completedJobs(metrics)).toEqual({ counters: 1 });
});

test('SCRIPT FLUSH costs one reload', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const metrics = createMetrics();
  await here.worker({ metrics });
  const producer = here.producer();
  expect(await samples(metrics, 'tally_script_reloads_total')).toEqual({ '': 0 });
  for (const reloads of [1, 2]) {
    await here.client.script('FLUSH');
    await (await producer.submit(increment(here.key('n')))).outcome();
    expect(await samples(metrics, 'tally_script_reloads_total')).toEqual({ '': reloads });
  }
});

test('a job with a name or data that nobody knows gets no label', async () => {
  const here = place();
  const metrics = createMetrics();
  const queue = openQueue(here, 'counters');
  await queue.add('made.up', { updates: [{}] });
  await queue.add('counter.increment', 'nothing');
  await here.worker({ metrics });
  const failed = () => here.client.zcard(`${here.partition.prefix}:counters:failed`);
  await until('both have failed', async () => (await failed()) === 2);
  await until('both are counted', async () => (await samples(metrics, 'tally_job_attempts_total'))['counters'] === 2);
  expect(await metrics.text()).not.toContain('made.up');
  expect(await endedOf(metrics)).toEqual({});
});

test('counters stand at zero before anything happened, so that their first increase is seen', async () => {
  const here = place();
  const metrics = createMetrics();
  await here.worker({ metrics, queues: ['xp'] });
  const outcomes = ['applied', 'rejected', 'failed', 'unknown', 'conflict', 'cancelled'];
  expect(await samples(metrics, 'tally_updates_total')).toEqual(
    Object.fromEntries(['xp.award', 'xp.take'].flatMap((name) => outcomes.map((outcome) => [`${name} ${outcome}`, 0]))),
  );
  for (const name of [
    'tally_job_attempts_total',
    'tally_job_retries_total',
    'tally_stalled_jobs_total',
    'tally_jobs_newer_form',
  ]) {
    expect(await samples(metrics, name)).toEqual({ xp: 0 });
  }
});

test('the process itself is measured: event loop, memory, processor', async () => {
  const text = await createMetrics().text();
  for (const name of [
    'nodejs_eventloop_lag_p99_seconds',
    'process_resident_memory_bytes',
    'process_cpu_seconds_total',
  ]) {
    expect(text).toMatch(new RegExp(`^${name} \\d`, 'm'));
  }
});

function openQueue({ client, partition }: Place, name: string): Queue {
  const queue = new Queue(name, { connection: client, prefix: partition.prefix });
  onTestFinished(() => queue.close());
  return queue;
}
