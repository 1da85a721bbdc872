import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/index.js';
import { Partitions } from '../../src/layout/partitions.js';
import { openQueue } from '../../src/jobs/queues.js';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { startStopwatch } from '../support/stopwatch.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster, ClusterOptions } from '../support/topology/cluster.js';
import type { ClusterNode } from '../support/topology/cluster-node.js';

async function ownCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await startCluster({ replicasPerMaster: 0, ...options });
  onTestFinished(() => cluster.stop());
  return cluster;
}

/** The gauges, those of queues for `counters` only, by name, state or port; each in time. */
function gaugesOf({ redis, namespace, prefix, logger }: Place): () => Promise<Record<string, number>> {
  const metrics = createMetrics({ redis, namespace, prefix, logger });
  onTestFinished(() => metrics.close());
  return async () => {
    const elapsedMs = startStopwatch();
    const text = await metrics.text();
    expect(elapsedMs()).toBeLessThan(8_000); // Prometheus waits for 10 s
    const ofQueue = text.matchAll(/^tally_(\w+?)(?:\{queue="counters"(?:,state="(\w+)")?\})? (\S+)$/gm);
    const ofNode = text.matchAll(/^tally_redis_memory_(\w+)_bytes\{node="127\.0\.0\.1:(\d+)"\} (\S+)$/gm);
    return Object.fromEntries([
      ...[...ofQueue].map(([, name, state, value]) => [state ?? name!, Number(value)] as const),
      ...[...ofNode].map(([, name, port, value]) => [`${name} ${port}`, Number(value)] as const),
    ]);
  };
}

/** The name of a gauge of memory for each node, or for those given. */
function memoryOf(name: 'used' | 'max', nodes: readonly ClusterNode[]): string[] {
  return nodes.map(({ port }) => `${name} ${port}`);
}

/** Updates of keys that lie in slots all over the Cluster. */
function updatesOf(here: Place, count: number) {
  return Array.from({ length: count }, (_, n) => ({
    operation: 'counter.increment' as const,
    params: { key: `${n}-${here.key('n')}`.replace(/[{}]/g, '') },
  }));
}

test('the gauges are of all partitions and of each master', async () => {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  const gauges = gaugesOf(here);
  await until('it answers', async () => (await gauges())['redis_up'] === 1);
  expect(await gauges()).toMatchObject({ waiting: 0, workers: 0, queue_paused: 0 });

  await here.producer({ maxBatch: 1 }).submit(updatesOf(here, 60));
  expect(await gauges()).toMatchObject({ redis_up: 1, waiting: 60 });
  await here.worker({ partitionShare: { number: 1, of: 2 } });
  expect(await gauges()).toMatchObject({ workers: 0 });
  await here.worker({ partitionShare: { number: 2, of: 2 } });
  expect(await gauges()).toMatchObject({ workers: 1 });
  await until('all are applied', async () => (await gauges())['completed'] === 60);

  const limitBytes = 100 * 1024 * 1024;
  const [limited, ...others] = cluster.nodes;
  await limited!.run('CONFIG', 'SET', 'maxmemory', `${limitBytes}`);
  const found = await gauges();
  expect(memoryOf('max', [limited!, ...others]).map((name) => found[name])).toEqual([limitBytes, 0, 0]);
  for (const [index, name] of memoryOf('used', cluster.nodes).entries()) {
    const used = Number(/used_memory:(\d+)/.exec(String(await cluster.nodes[index]!.run('INFO', 'memory')))![1]);
    expect(found[name]! / used).toBeGreaterThan(0.9);
    expect(found[name]! / used).toBeLessThan(1.1);
  }
});

const goesOn = { settings: ['--cluster-require-full-coverage', 'no'] };

test('while a master is unreachable Redis is not up, and what lies on the others is told', async () => {
  const cluster = await ownCluster(goesOn);
  const here = place(cluster.url);
  const gauges = gaugesOf(here);
  await here.producer({ partitions: 1 }).submit(updatesOf(here, 1));
  await until('it is there', async () => (await gauges())['waiting'] === 1);
  const [{ prefix }] = new Partitions(here.prefix, 1).all;
  const withQueues = await cluster.masterOfSlot(slotOf(prefix));
  const withCounts = await cluster.masterOfSlot(slotOf(createKeys(here).partitionCounts));
  const other = cluster.nodes.find((node) => node !== withQueues && node !== withCounts)!;

  for (const away of new Set([other, withCounts, withQueues])) {
    await away.kill();
    await until('it is noticed', async () => (await gauges())['redis_up'] === 0);
    for (const _ of [1, 2, 3, 4, 5]) {
      const found = await gauges();
      expect(found['redis_up']).toBe(0);
      expect([found['waiting'], found['workers']]).toEqual(away === withQueues ? [undefined, undefined] : [1, 0]);
      const names = Object.keys(found).filter((name) => /^(used|max) /.test(name));
      const living = cluster.nodes.filter((node) => node !== away);
      expect(names.sort()).toEqual([...memoryOf('max', living), ...memoryOf('used', living)].sort());
    }
    await away.start();
    await cluster.untilHealthy();
    await until('it is back', async () => (await gauges())['redis_up'] === 1);
    expect(await gauges()).toMatchObject({ waiting: 1 });
  }
});

test('of a queue that lies on a master which is unreachable too, only what is certain is told: no sum, no 0 of what may be more', async () => {
  const cluster = await ownCluster(goesOn);
  const here = place(cluster.url);
  const gauges = gaugesOf(here);
  const lies = await cluster.masterOfSlot(slotOf(createKeys(here).partitionCounts));
  const away = cluster.nodes.find((node) => node !== lies)!;
  const partitions = new Partitions(here.prefix, 8).all;
  const masters = await Promise.all(partitions.map(({ prefix }) => cluster.masterOfSlot(slotOf(prefix))));
  const there = partitions[masters.findIndex((master) => master !== away)]!;
  const worker = await here.worker();
  await until('all is known', async () => (await gauges())['workers'] === 1);
  expect(await gauges()).toMatchObject({ waiting: 0, queue_paused: 0, oldest_waiting_job_age_seconds: 0 });

  await away.kill();
  await until('it is noticed', async () => (await gauges())['redis_up'] === 0);
  const certain = async () => {
    const { waiting, workers, queue_paused: paused, oldest_waiting_job_age_seconds: oldest } = await gauges();
    return { waiting, workers, paused, oldest: oldest && Math.floor(oldest / 100) };
  };
  const nothing = { waiting: undefined, workers: undefined, paused: undefined, oldest: undefined };
  expect(await certain()).toEqual(nothing);
  await worker.close();
  const queue = openQueue('counters', there.prefix, here.client, here.logger);
  onTestFinished(() => queue.close());
  await queue.pause();
  await queue.add('counter.increment', { updates: [] }, { timestamp: Date.now() - 550_000 });
  expect(await certain()).toEqual({ ...nothing, workers: 0, paused: 1, oldest: 5 });

  await away.start();
  await cluster.untilHealthy();
  await until('all is known again', async () => (await gauges())['waiting'] === 1);
});

test('after a failover the gauges are those of the new master', async () => {
  const cluster = await ownCluster({ replicasPerMaster: 1 });
  const here = place(cluster.url);
  const gauges = gaugesOf(here);
  await here.producer({ maxBatch: 1 }).submit(updatesOf(here, 40));
  await until('all is known', async () => (await gauges())['waiting'] === 40);
  const away = (await cluster.masters())[0]!;
  await away.run('WAIT', 1, 5_000);
  onTestFinished(async () => {
    await away.start(); // what the test wrote is removed on all nodes
    await cluster.untilHealthy();
  });
  await away.kill();
  await until('it is noticed', async () => (await gauges())['redis_up'] === 0);
  await until('the replica has taken over', async () => (await gauges())['redis_up'] === 1, 60_000);
  const found = await gauges();
  expect(found['waiting']).toBe(40);
  const names = Object.keys(found).filter((name) => name.startsWith('used '));
  expect(names.sort()).toEqual(memoryOf('used', await cluster.masters()).sort());
});
