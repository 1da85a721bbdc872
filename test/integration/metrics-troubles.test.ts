import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/index.js';
import type { Metrics } from '../../src/index.js';
import { foreignWorker, openQueue } from '../support/queues.js';
import { wholeScrape } from '../support/scrape.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

function metricsOf({ redis, namespace, prefix, logger }: Place): Metrics {
  const metrics = createMetrics({ redis, namespace, prefix, logger });
  onTestFinished(() => metrics.close());
  return metrics;
}

/** A gauge that stands once, or once for a queue; undefined when it is left out. */
async function gauge(metrics: Metrics, name: string, queue?: string): Promise<number | undefined> {
  const labels = queue === undefined ? '(?:\\{[^}]*\\})?' : `\\{queue="${queue}"\\}`;
  const value = new RegExp(`^tally_${name}${labels} (\\S+)$`, 'm').exec(await wholeScrape(metrics))?.[1];
  return value === undefined ? undefined : Number(value);
}

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key } });

test('a Redis that answers and refuses writes is told from one that takes them, without any traffic', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const metrics = metricsOf(here);
  expect(await gauge(metrics, 'redis_takes_writes')).toBe(1);
  for (const [name, value, usual] of [
    ['min-replicas-to-write', '1', '0'],
    ['maxmemory', '1mb', '0'],
  ] as const) {
    await here.client.config('SET', name, value);
    expect({ name, takes: await gauge(metrics, 'redis_takes_writes') }).toEqual({ name, takes: 0 });
    expect(await gauge(metrics, 'redis_up')).toBe(1);
    await here.client.config('SET', name, usual);
    expect(await gauge(metrics, 'redis_takes_writes')).toBe(1);
  }
  expect(await metrics.text()).toMatch(/tally_redis_refusals_total\{code="NOREPLICAS"\} [1-9]/);
  await here.client.replicaof('127.0.0.1', '1');
  await until('a replica is told, too', async () => (await gauge(metrics, 'redis_takes_writes')) === 0);
  await here.client.replicaof('NO', 'ONE');
  await until('it is back', async () => (await gauge(metrics, 'redis_takes_writes')) === 1);
});

test('a user who may only look is told nothing of writes', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  await here.client.acl('SETUSER', 'watcher', 'on', '>secret', '~*', '&*', '+@all', '-set');
  const metrics = metricsOf({ ...here, redis: redis.url.replace('//', '//watcher:secret@') });
  expect(await gauge(metrics, 'redis_up')).toBe(1);
  expect(await gauge(metrics, 'redis_takes_writes')).toBeUndefined();
});

test('limits that somebody has set on a queue are told as long as they hold', async () => {
  const here = place();
  const metrics = metricsOf(here);
  const queue = openQueue(here);
  const limits = async () => [
    await gauge(metrics, 'queue_rate_limit_jobs_per_second', 'counters'),
    await gauge(metrics, 'queue_concurrency_limit', 'counters'),
  ];
  expect(await limits()).toEqual([undefined, undefined]);
  await queue.setGlobalRateLimit(3, 60_000);
  await queue.setGlobalConcurrency(2);
  expect(await limits()).toEqual([0.05, 2]);
  await queue.removeGlobalRateLimit();
  expect(await limits()).toEqual([undefined, 2]);
  await queue.removeGlobalConcurrency();
  expect(await limits()).toEqual([undefined, undefined]);
});

test('workers of another program are counted, and those of Tally are not among them', async () => {
  const here = place();
  const metrics = metricsOf(here);
  await here.worker({ queues: ['counters'] });
  expect(await gauge(metrics, 'foreign_workers', 'counters')).toBe(0);
  await foreignWorker(here, 'counters', () => Promise.resolve());
  await until('it is counted', async () => (await gauge(metrics, 'foreign_workers', 'counters')) === 1);
  expect(await gauge(metrics, 'workers', 'counters')).toBe(2);
  expect(await gauge(metrics, 'foreign_workers', 'xp')).toBe(0);
});

test('the processes that are connected are counted by their roles, and those that are gone are not', async () => {
  const here = place();
  const metrics = metricsOf(here);
  const lines = async () =>
    (await wholeScrape(metrics)).split('\n').filter((line) => line.startsWith('tally_processes'));
  expect(await lines()).toEqual([]);
  await here.worker();
  await until('the worker is there', async () => (await lines()).length > 0);
  const processes = `${here.namespace}:processes`;
  const [described = ''] = await here.client.hvals(processes);
  const other = { ...(JSON.parse(described) as object), pid: 1 };
  await here.client.hset(processes, 'other', JSON.stringify(other), 'gone', JSON.stringify({ ...other, atMs: 1 }));
  await here.client.hset(processes, 'api', JSON.stringify({ ...other, role: 'api' }));
  await until('all are counted', async () => (await lines()).length === 2);
  expect((await lines()).sort()).toEqual(['tally_processes{role="api"} 1', 'tally_processes{role="worker"} 2']);
});

test('updates are counted that wait, whatever jobs hold them, and how long they will take', async () => {
  const here = place();
  const metrics = metricsOf(here);
  const producer = here.producer({ maxBatch: 100 });
  const waiting = () => gauge(metrics, 'updates_waiting', 'counters');
  expect([await waiting(), await gauge(metrics, 'queue_drain_seconds', 'counters')]).toEqual([0, 0]);
  await producer.submit(Array.from({ length: 250 }, () => increment(here.key('n'))));
  expect(await waiting()).toBe(250); // three jobs: each is looked at
  await producer.submit(increment(here.key('n')), { priority: 3 });
  expect(await waiting()).toBe(251);
  expect(await gauge(metrics, 'queue_drain_seconds', 'counters')).toBeUndefined(); // nothing was completed
  for (let n = 0; n < 20; n += 1) {
    await producer.submit(Array.from({ length: 100 }, () => increment(here.key('n'))));
  }
  expect(await waiting()).toBeGreaterThan(1_500);
  expect(await waiting()).toBeLessThan(2_400); // 23 jobs with 2,251: a sample of them

  const worker = await here.worker({ queues: ['counters'] });
  await until('all are applied', async () => (await waiting()) === 0);
  await worker.close();
  await producer.submit(Array.from({ length: 300 }, () => increment(here.key('n'))));
  const drain = await gauge(metrics, 'queue_drain_seconds', 'counters');
  expect(drain).toBeGreaterThan(1); // 2,251 were completed within the last minute: 37 a second
  expect(drain).toBeLessThan(60);
});

test('the age of the first failed job is told', async () => {
  const here = place();
  const metrics = metricsOf(here);
  const age = () => gauge(metrics, 'oldest_failed_job_age_seconds', 'counters');
  expect(await age()).toBe(0);
  await here.client.rpush(here.key('wrong'), 'not a number');
  const producer = here.producer();
  const first = await producer.submit(increment(here.key('wrong')));
  await here.worker({ queues: ['counters'] });
  await first.outcome();
  await (await producer.submit(increment(here.key('wrong')))).outcome();
  const key = `${here.partition.prefix}:counters:failed`;
  await here.client.zincrby(key, -500_000, first.jobId);
  expect(await age()).toBeGreaterThan(499);
  expect(await age()).toBeLessThan(600);
});
