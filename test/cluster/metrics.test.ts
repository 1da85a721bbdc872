import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/index.js';
import { Partitions } from '../../src/jobs/partitions.js';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster, ClusterOptions } from '../support/topology/cluster.js';

async function ownCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await startCluster({ replicasPerMaster: 0, ...options });
  onTestFinished(() => cluster.stop());
  return cluster;
}

/** The gauges, those of queues for `counters` only, by name and state. */
function gaugesOf({ redis, namespace, prefix, logger }: Place): () => Promise<Record<string, number>> {
  const metrics = createMetrics({ redis, namespace, prefix, logger });
  onTestFinished(() => metrics.close());
  return async () => {
    const lines = (await metrics.text()).matchAll(/^tally_(\w+?)(?:\{queue="counters"(?:,state="(\w+)")?\})? (\S+)$/gm);
    return Object.fromEntries([...lines].map(([, name, state, value]) => [state ?? name!, Number(value)]));
  };
}

/** Updates of keys that lie in slots all over the Cluster. */
function updatesOf(here: Place, count: number) {
  return Array.from({ length: count }, (_, n) => ({
    operation: 'counter.increment' as const,
    params: { key: `${n}-${here.key('n')}`.replace(/[{}]/g, '') },
  }));
}

test('the gauges are of all partitions and all masters', { timeout: 90_000 }, async () => {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  const gauges = gaugesOf(here);
  await until('it answers', async () => (await gauges())['redis_up'] === 1);
  expect(await gauges()).toMatchObject({ waiting: 0, workers: 0, queue_paused: 0, redis_memory_max_bytes: 0 });

  await here.producer({ maxBatch: 1 }).submit(updatesOf(here, 60));
  expect(await gauges()).toMatchObject({ redis_up: 1, waiting: 60 });
  await here.worker({ partitionShare: { number: 1, of: 2 } });
  expect(await gauges()).toMatchObject({ workers: 0 });
  await here.worker({ partitionShare: { number: 2, of: 2 } });
  expect(await gauges()).toMatchObject({ workers: 1 });
  await until('all are applied', async () => (await gauges())['completed'] === 60);

  const megabyte = 1024 * 1024;
  await Promise.all(cluster.nodes.slice(1).map((node) => node.run('CONFIG', 'SET', 'maxmemory', `${100 * megabyte}`)));
  expect(await gauges()).toMatchObject({ redis_memory_max_bytes: 0 });
  await cluster.nodes[0]!.run('CONFIG', 'SET', 'maxmemory', `${200 * megabyte}`);
  const { redis_memory_max_bytes: limit, redis_memory_used_bytes: used } = await gauges();
  expect(limit).toBe(400 * megabyte);
  const ofEach = await Promise.all(cluster.nodes.map((node) => node.run('INFO', 'memory')));
  const sum = ofEach.reduce((total: number, info) => total + Number(/used_memory:(\d+)/.exec(String(info))![1]), 0);
  expect(used! / sum).toBeGreaterThan(0.9);
  expect(used! / sum).toBeLessThan(1.1);
});

test(
  'Redis is not up while one master is away, also when no queue lies there, and a scrape still ends in time',
  { timeout: 90_000 },
  async () => {
    const cluster = await ownCluster({ settings: ['--cluster-require-full-coverage', 'no'] });
    const here = place(cluster.url);
    const gauges = gaugesOf(here);
    await here.producer({ partitions: 1 }).submit(updatesOf(here, 1));
    await until('it is there', async () => (await gauges())['waiting'] === 1);
    const [{ prefix }] = new Partitions(here.prefix, 1).all;
    const withQueues = await cluster.masterOfSlot(slotOf(prefix));
    const withCounts = await cluster.masterOfSlot(slotOf(createKeys(here).partitionCounts));
    const other = cluster.nodes.find((node) => node !== withQueues && node !== withCounts)!;

    for (const away of [other, withQueues]) {
      await away.kill();
      await until('it is noticed', async () => {
        const startedAt = Date.now();
        const { redis_up: up, waiting } = await gauges();
        expect(Date.now() - startedAt).toBeLessThan(3_000);
        return up === 0 && waiting === undefined;
      });
      for (const _ of Array.from({ length: 5 })) {
        expect((await gauges())['redis_up']).toBe(0);
      }
      await away.start();
      await cluster.untilHealthy();
      await until('it is back', async () => (await gauges())['waiting'] === 1);
    }
  },
);
