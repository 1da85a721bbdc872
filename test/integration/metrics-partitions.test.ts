import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/index.js';
import { Partitions } from '../../src/layout/partitions.js';
import { openQueue } from '../../src/jobs/queues.js';
import { slotOf } from '../../src/redis/slots.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** The gauges of the queue `counters`, by name and state. */
function gaugesOf({ redis, namespace, prefix, logger }: Place): () => Promise<Record<string, number>> {
  skipUnlessOneServer('it has queues that are not split');
  const metrics = createMetrics({ redis, namespace, prefix, logger });
  onTestFinished(() => metrics.close());
  return async () => {
    const lines = (await metrics.text()).matchAll(/^tally_(\w+)\{queue="counters"(?:,state="(\w+)")?\} (\S+)$/gm);
    return Object.fromEntries([...lines].map(([, name, state, value]) => [state ?? name!, Number(value)]));
  };
}

/** A key whose updates go to this partition of three. */
function keyOf(here: Place, partition: string): string {
  const keys = Array.from({ length: 200 }, (_, n) => `${here.key('n').replace(/[{}]/g, '')}${n}`);
  return keys.find((key) => new Partitions('any', 3).ofSlot(slotOf(key)).name === partition)!;
}

test('jobs are summed over all partitions of all numbers, and over queues that are not split', async () => {
  const here = place();
  const gauges = gaugesOf(here);
  const keys = ['1-of-3', '2-of-3', '3-of-3'].map((name) => keyOf(here, name));
  expect(await gauges()).toMatchObject({ waiting: 0, delayed: 0 });
  for (const partitions of [undefined, 3, 4]) {
    const producer = here.producer({ partitions, maxBatch: 1 });
    await producer.submit(keys.map((key) => ({ operation: 'counter.increment' as const, params: { key } })));
    await producer.counters.increment({ key: keys[0]! }, { delay: 3_600_000 });
  }
  expect(await gauges()).toMatchObject({ waiting: 9, delayed: 3 });
});

test('jobs in a partition that belongs to two numbers are counted once', async () => {
  const here = place();
  const gauges = gaugesOf(here);
  for (const partitions of [1, 3]) {
    await here.producer({ partitions }).counters.increment({ key: keyOf(here, '2-of-3') });
  }
  expect(await gauges()).toMatchObject({ waiting: 2 });
});

test('the oldest job of any partition is the oldest of the queue', async () => {
  const here = place();
  const gauges = gaugesOf(here);
  const partitions = new Partitions(here.prefix, 3);
  const producer = here.producer({ partitions: 3, maxBatch: 1 });
  for (const [name, secondsAgo] of Object.entries({ '1-of-3': 100, '2-of-3': 500, '3-of-3': 5 })) {
    const { jobId } = await producer.counters.increment({ key: keyOf(here, name) });
    const key = `${partitions.ofJob(jobId).prefix}:counters:${jobId}`;
    await here.client.hset(key, 'timestamp', Date.now() - secondsAgo * 1000);
  }
  const { oldest_waiting_job_age_seconds: age } = await gauges();
  expect(age).toBeGreaterThanOrEqual(499);
  expect(age).toBeLessThan(530);
});

test('a queue is paused when one of its partitions is', async () => {
  const here = place();
  const gauges = gaugesOf(here);
  await here.producer({ partitions: 3 }).counters.increment({ key: here.key('n') });
  expect(await gauges()).toMatchObject({ queue_paused: 0 });
  const { prefix } = new Partitions(here.prefix, 3).all[2]!;
  const queue = openQueue('counters', prefix, here.client, here.logger);
  onTestFinished(() => queue.close());
  await queue.pause();
  expect(await gauges()).toMatchObject({ queue_paused: 1 });
});

test('a queue has as many workers as the partition with the fewest, so that one without any shows', async () => {
  const here = place();
  const gauges = gaugesOf(here);
  await here.worker({ partitions: 3, partitionShare: { number: 1, of: 2 } });
  expect(await gauges()).toMatchObject({ workers: 0 });
  const second = await here.worker({ partitions: 3, partitionShare: { number: 2, of: 2 } });
  expect(await gauges()).toMatchObject({ workers: 1 });
  await here.worker({ partitions: 3 });
  expect(await gauges()).toMatchObject({ workers: 2 });
  await second.close();
  await until('it is gone', async () => (await gauges())['workers'] === 1);
});

test('a scrape of 8 partitions takes no more commands for each of them than that of queues that are not split', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const gauges = gaugesOf(here);
  const commandsOfOne = async () => {
    await gauges();
    await here.client.config('RESETSTAT');
    await gauges();
    const stats = await here.client.info('commandstats');
    const calls = [...stats.matchAll(/cmdstat_(\S+):calls=(\d+)/g)];
    return calls.filter(([, name]) => name !== 'config|resetstat').reduce((sum, [, , count]) => sum + Number(count), 0);
  };
  const unsplit = await commandsOfOne();
  await here.producer({ partitions: 8 }).counters.increment({ key: here.key('n') });
  expect(await commandsOfOne()).toBeLessThanOrEqual(9 * unsplit);
  expect(unsplit).toBeLessThan(6 * 14 + 10);
});
