import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/index.js';
import type { Metrics } from '../../src/index.js';
import { startWorkerProcess } from '../support/child.js';
import { wholeScrape } from '../support/scrape.js';
import { startStopwatch } from '../support/stopwatch.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const require = createRequire(import.meta.url);

interface Family {
  name: string;
  metrics: { labels?: Record<string, string>; value: string }[];
}

const parse = require('parse-prometheus-text-format') as (text: string) => Family[];

/** Of Debian's package prometheus. */
const PROMTOOL = 'promtool';

/** Metrics with the gauges of the test's place. */
function metricsOf({ redis, namespace, prefix, logger }: Place): Metrics {
  const metrics = createMetrics({ redis, namespace, prefix, logger });
  onTestFinished(() => metrics.close());
  return metrics;
}

/** The gauges by the values of their labels, without those of the process; of one scrape, whatever Redis does. */
async function scrapedOnce(metrics: Metrics): Promise<Record<string, number>> {
  return gaugesIn(await metrics.text());
}

/** The same of a Redis that is up. */
async function gauges(metrics: Metrics): Promise<Record<string, number>> {
  return gaugesIn(await wholeScrape(metrics));
}

function gaugesIn(text: string): Record<string, number> {
  const families = parse(text).filter(({ name }) => name.startsWith('tally_'));
  return Object.fromEntries(
    families.flatMap(({ name, metrics: series }) =>
      series.map(({ labels = {}, value }) => [[name, ...Object.values(labels)].join(' '), Number(value)]),
    ),
  );
}

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key } });

test('jobs are counted by queue and state', async () => {
  const here = place();
  const metrics = metricsOf(here);
  const producer = here.producer({ maxBatch: 1 });
  const wrong = here.key('wrong');
  await here.client.rpush(wrong, 'not a number');
  const submissions = await producer.submit([increment(here.key('n')), increment(here.key('n')), increment(wrong)]);
  const worker = await here.worker({ queues: ['counters'] });
  await Promise.all(submissions.map((it) => it.outcome()));
  await worker.close();
  const frozen = await startWorkerProcess(here, 'freeze');
  await producer.submit(increment(here.key('n')));
  await until('it is running', async () => (await gauges(metrics))['tally_jobs counters active'] === 1);
  await producer.submit([increment(here.key('n')), increment(here.key('n'))]);
  await producer.submit(increment(here.key('n')), { priority: 7 });
  await producer.submit(increment(here.key('n')), { delay: 3_600_000 });
  expect(await gauges(metrics)).toMatchObject({
    'tally_jobs counters waiting': 3,
    'tally_jobs counters active': 1,
    'tally_jobs counters delayed': 1,
    'tally_jobs counters completed': 2,
    'tally_jobs counters failed': 1,
    'tally_jobs xp waiting': 0,
  });
  frozen.process.kill('SIGKILL');
});

test('the age of the oldest waiting job is found, also that of a starving one', async () => {
  const here = place();
  const metrics = metricsOf(here);
  const producer = here.producer({ maxBatch: 1 });
  const age = async () => (await gauges(metrics))['tally_oldest_waiting_job_age_seconds counters']!;
  const added = async (options: { priority?: number; delay?: number }, secondsAgo: number) => {
    const { jobId } = await producer.submit(increment(here.key('n')), options);
    await here.client.hset(`${here.partition.prefix}:counters:${jobId}`, 'timestamp', Date.now() - secondsAgo * 1000);
    return jobId;
  };
  const expectAge = async (seconds: number) => {
    const found = await age();
    expect(found).toBeGreaterThanOrEqual(seconds - 1);
    expect(found).toBeLessThan(seconds + 30);
  };
  expect(await age()).toBe(0);
  await added({}, 100);
  await added({}, 50);
  await expectAge(100);
  await added({ priority: 1 }, 10);
  await added({ priority: 9 }, 500);
  await added({ priority: 9 }, 5);
  await expectAge(500);
});

test('a job that was to run later waits from then on', async () => {
  const here = place();
  const metrics = metricsOf(here);
  const { jobId } = await here.producer().submit(increment(here.key('n')), { delay: 800_000 });
  await here.client.hset(`${here.partition.prefix}:counters:${jobId}`, 'timestamp', Date.now() - 900_000);
  await (await openQueue(here).getJob(jobId))!.promote();
  const { 'tally_oldest_waiting_job_age_seconds counters': age } = await gauges(metrics);
  expect(age).toBeGreaterThanOrEqual(99);
  expect(age).toBeLessThan(130);
});

test('how much of its window the oldest keyed update has used is told, whatever stands before it', async () => {
  const here = place();
  const metrics = metricsOf(here);
  const producer = here.producer({ maxBatch: 1, idempotencyWindowMs: 1_000_000 });
  const ratio = async () => (await gauges(metrics))['tally_oldest_keyed_update_window_ratio counters'];
  const keyed = async (name: string, usedMs: number, options: { priority?: number } = {}) => {
    const { jobId } = await producer.submit(increment(here.key('n')), { ...options, idempotencyKey: here.key(name) });
    const job = `${here.partition.prefix}:counters:${jobId}`;
    const data = (await here.client.hget(job, 'data'))!;
    const sentAtMs = Number(/"sentAtMs":(\d+)/.exec(data)?.[1]) - usedMs;
    await here.client.hset(job, 'data', data.replace(/"sentAtMs":\d+/, `"sentAtMs":${sentAtMs}`));
  };
  await until('it is known', async () => (await ratio()) === 0);
  await producer.submit(increment(here.key('n')));
  expect(await ratio()).toBe(0);
  await keyed('a', 300_000);
  expect(await ratio()).toBeCloseTo(0.3, 1);
  await keyed('b', 100_000);
  expect(await ratio()).toBeCloseTo(0.3, 1);
  await keyed('c', 1_700_000, { priority: 9 });
  expect(await ratio()).toBeCloseTo(1.7, 1);
});

test('a paused queue is shown as paused until it goes on', async () => {
  const here = place();
  const metrics = metricsOf(here);
  const queue = openQueue(here);
  for (const paused of [1, 0]) {
    await (paused === 1 ? queue.pause() : queue.resume());
    expect(await gauges(metrics)).toMatchObject({
      'tally_queue_paused counters': paused,
      'tally_queue_paused xp': 0,
    });
  }
});

test('workers are counted by the queue that they serve, while they are connected', async () => {
  const here = place();
  const metrics = metricsOf(here);
  const first = await here.worker({ queues: ['counters', 'xp'] });
  await here.worker({ queues: ['counters'] });
  const workers = async () => {
    const all = await gauges(metrics);
    return ['counters', 'xp', 'scores'].map((queue) => all[`tally_workers ${queue}`]);
  };
  expect(await workers()).toEqual([2, 1, 0]);
  await first.close();
  await until('it is gone', async () => (await workers())[0] === 1);
  expect(await workers()).toEqual([1, 0, 0]);
});

test('the memory of Redis and its limit are shown, with where it is', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const metrics = metricsOf(here);
  const { host } = new URL(redis.url);
  expect(await gauges(metrics)).toMatchObject({ [`tally_redis_memory_max_bytes ${host}`]: 0, tally_redis_up: 1 });
  await here.client.config('SET', 'maxmemory', '100mb');
  const found = await gauges(metrics);
  expect(found[`tally_redis_memory_max_bytes ${host}`]).toBe(100 * 1024 * 1024);
  expect(found[`tally_redis_memory_used_bytes ${host}`]).toBeGreaterThan(100_000);
  expect(found[`tally_redis_memory_used_bytes ${host}`]).toBeLessThan(100 * 1024 * 1024);
});

test('while Redis is gone or hangs, a scrape ends in time, says so, and still has the counters', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const metrics = metricsOf(here);
  await here.producer({ metrics }).submit(increment(here.key('n')));
  const expectAway = async () => {
    const elapsedMs = startStopwatch();
    const all = await Promise.all([scrapedOnce(metrics), scrapedOnce(metrics)]);
    expect(elapsedMs()).toBeLessThan(3_000);
    for (const found of all) {
      expect(found).toMatchObject({ tally_redis_up: 0, 'tally_updates_submitted_total counter.increment': 1 });
      const known = Object.keys(found).filter((name) => /_jobs |_memory|_paused|_workers|_age/.test(name));
      expect(known).toEqual([]);
    }
  };
  const isBack = async () => (await gauges(metrics))['tally_jobs counters waiting'] === 1;
  await until('it is there', isBack);

  process.kill(redis.pid(), 'SIGSTOP');
  await expectAway();
  process.kill(redis.pid(), 'SIGCONT');
  await until('it is back', isBack);

  await redis.stop();
  await expectAway();
  await redis.start();
  await until('it is back again', isBack);
});

test('a user of Redis who may not list clients sees all but the workers', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  await here.client.acl('SETUSER', 'watcher', 'on', '>secret', '~*', '&*', '+@all', '-client|list');
  const metrics = metricsOf({ ...here, redis: redis.url.replace('//', '//watcher:secret@') });
  const found = await gauges(metrics);
  expect(found).toMatchObject({ tally_redis_up: 1, 'tally_jobs counters waiting': 0 });
  expect(Object.keys(found).filter((name) => name.startsWith('tally_workers'))).toEqual([]);
});

test('a scrape takes thirteen commands more with 1,000 jobs than with none, for the eight that it looks at, and scrapes at one time share them', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const metrics = metricsOf(here);
  const commandsOf = async (scrapes: number) => {
    await here.client.config('RESETSTAT');
    await Promise.all(Array.from({ length: scrapes }, () => metrics.text()));
    const stats = await here.client.info('commandstats');
    return [...stats.matchAll(/cmdstat_(\S+):calls=(\d+)/g)]
      .filter(([, name]) => name !== 'config|resetstat')
      .reduce((sum, [, , calls]) => sum + Number(calls), 0);
  };
  await metrics.text();
  const idle = await commandsOf(1);
  expect(idle).toBeLessThan(6 * 14 + 5);
  const producer = here.producer({ maxBatch: 1 });
  await producer.submit(Array.from({ length: 1_000 }, () => increment(here.key('n'))));
  expect(await commandsOf(1)).toBeLessThanOrEqual(idle + 13);
  expect(await commandsOf(10)).toBeLessThanOrEqual(idle + 13);
});

test('promtool can read the metrics, and has nothing to say about those of Tally', async ({ skip }) => {
  if (spawnSync(PROMTOOL, ['--version']).error !== undefined) {
    skip('promtool is not on the PATH: install the package prometheus');
  }
  const here = place();
  const metrics = metricsOf(here);
  const producer = here.producer({ metrics });
  await here.worker({ metrics });
  await (await producer.submit(increment(here.key('n')))).outcome();
  const { status, stderr } = spawnSync(PROMTOOL, ['check', 'metrics'], { input: await metrics.text() });
  const complaints = stderr.toString().split('\n');
  expect(complaints.filter((line) => line.includes('tally_') || line.includes('error'))).toEqual([]);
  expect([0, 3]).toContain(status); // 3: names that prom-client gives to the metrics of Node
});

function openQueue({ client, partition }: Place): Queue {
  const queue = new Queue('counters', { connection: client, prefix: partition.prefix });
  onTestFinished(() => queue.close());
  return queue;
}
