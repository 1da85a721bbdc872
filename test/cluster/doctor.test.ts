import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createProducer, createWorker } from '../../src/index.js';
import { createApi } from '../../src/api/api.js';
import { findClusterMasters } from '../../src/doctor/find-cluster-masters.js';
import { connectPatiently } from '../../src/redis/connect.js';
import { requireMasters } from '../../src/redis/masters.js';
import type { ClusterTarget } from '../../src/redis/target.js';
import { tally } from '../support/command.js';
import { detours, FaultyWays } from '../support/faulty-way.js';
import { until } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import { startSentinel } from '../support/topology/sentinel.js';
import type { SentinelSet } from '../support/topology/sentinel.js';
import { ownCluster } from './on-masters.js';

const logger = pino({ level: 'silent' });

describe('on a Cluster', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startCluster();
  });

  afterAll(async () => {
    await cluster.stop();
  });

  const doctor = (settings: Record<string, string> = {}) => tally({ REDIS_URL: cluster.url, ...settings }, 'doctor');

  test('doctor shows masters, replicas, slots and where partitions lie, within 100 columns', async () => {
    const { code, stdout } = await doctor();
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/ok {4}topology +a Cluster of 3 masters and 3 replicas\n/);
    for (const { port } of await cluster.masters()) {
      expect(stdout).toMatch(new RegExp(`ok {4}masters +127.0.0.1:${port} holds 5,46. slots, with replica 127.0.0.1:`));
    }
    expect(stdout).toMatch(/ok {4}slots +all 16,384 are served/);
    expect(stdout).toMatch(/ok {4}scripts +loaded\n/);
    expect(stdout).toMatch(/ok {4}script calls +one for all that a job has on a master/);
    expect(stdout).toMatch(/ok {4}clocks +the masters are at most \d+ ms apart/);
    expect(stdout).toMatch(/ok {4}partitions +they lie on the masters: /);
    expect(stdout).toMatch(/WARN {2}coverage +cluster-require-full-coverage is yes/);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test('doctor and worker refuse a redis:// URL that leads to a node of a Cluster', async () => {
    const redis = `redis://127.0.0.1:${cluster.nodes[0]?.port ?? 0}`;
    const answer = await doctor({ REDIS_URL: redis });
    expect(answer).toMatchObject({ code: 1 });
    expect(answer.stdout).toMatch(/FAIL {2}mode [^]*write redis-cluster:\/\//);
    const worker = createWorker({ redis, logger });
    await expect(worker.ready()).rejects.toThrow('write redis-cluster://');
    await worker.close();
  });

  test('doctor names the one master that is not as the others, and a worker refuses it', async () => {
    const [odd] = await cluster.masters();
    await odd!.run('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    onTestFinished(async () => {
      await odd!.run('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    });
    const { code, stdout } = await doctor();
    expect(code).toBe(1);
    expect(stdout).toMatch(
      new RegExp(`FAIL {2}maxmemory-policy +127.0.0.1:${odd!.port}: maxmemory-policy is "allkeys-lru"`),
    );
    const worker = createWorker({ redis: cluster.url, logger });
    await expect(worker.ready()).rejects.toThrow(`127.0.0.1:${odd!.port}: maxmemory-policy`);
    await worker.close();
    await untilReadyzSays(cluster.url, 503, '"maxmemory-policy is ');
  });

  test('doctor warns of jobs in partitions of another number, and of replicas that are too few to confirm', async () => {
    const producer = createProducer({
      redis: cluster.url,
      namespace: 'counts',
      prefix: 'counted',
      partitions: 4,
      logger,
    });
    onTestFinished(() => producer.close());
    await Promise.all(['a', 'b', 'c'].map((key) => producer.counters.increment({ key })));
    const { code, stdout } = await doctor({
      TALLY_NAMESPACE: 'counts',
      TALLY_PREFIX: 'counted',
      TALLY_PARTITIONS: '2',
      TALLY_REPLICAS_TO_CONFIRM: '2',
    });
    expect(stdout).toMatch(/WARN {2}partitions +queues are split into 4, other than here: [1-3] jobs? unfinished/);
    expect(stdout).toMatch(/WARN {2}partitions +they lie unevenly/);
    expect(stdout).toMatch(/FAIL {2}durability +TALLY_REPLICAS_TO_CONFIRM is 2, but 1 replica /);
    expect(code).toBe(1);
  });

  test('doctor says which master is down and how many slots with it; the API is ready if the others go on', async () => {
    await untilReadyzSays(cluster.url, 200, 'ready');
    const [master] = await cluster.masters();
    const [replica] = await cluster.replicasOf(master!);
    await replica!.kill();
    await master!.kill();
    onTestFinished(async () => {
      await Promise.all([master!.start(), replica!.start()]);
      await cluster.untilHealthy();
    });
    const down = new RegExp(`FAIL {2}masters +127.0.0.1:${master!.port} is down: updates of its 5,46. slots`);
    let shown = '';
    await until('doctor sees it', async () => {
      const { code, stdout } = await doctor();
      shown = stdout;
      return code === 1 && down.test(stdout) && /FAIL {2}state +cluster_state is fail/.test(stdout);
    });
    expect(shown).toMatch(new RegExp(`WARN {2}replicas +down: 127.0.0.1:${replica!.port}`));
    await untilReadyzSays(cluster.url, 503, 'REDIS_AWAY');

    const requireAllSlots = (wanted: 'yes' | 'no') =>
      Promise.all(
        cluster.nodes
          .filter(({ isRunning }) => isRunning)
          .map((node) => node.run('CONFIG', 'SET', 'cluster-require-full-coverage', wanted)),
      );
    onTestFinished(async () => {
      await requireAllSlots('yes');
    });
    await requireAllSlots('no');
    await untilReadyzSays(cluster.url, 200, 'ready');
  });

  test('one master of several that is unreachable is a warning to a worker, and does not keep it waiting', async () => {
    const redis = connectPatiently(cluster.url, 'test', logger);
    onTestFinished(() => {
      redis.disconnectAll();
    });
    expect(await requireMasters(redis, {})).toEqual([]);
    const [, away] = await cluster.masters();
    process.kill(away!.pid(), 'SIGSTOP');
    onTestFinished(async () => {
      process.kill(away!.pid(), 'SIGCONT');
      await cluster.untilHealthy();
    });
    expect(await requireMasters(redis, {})).toEqual([
      { level: 'warning', subject: 'unreachable', message: `127.0.0.1:${away!.port}: this master does not answer` },
    ]);
  });
});

describe('with Sentinels', () => {
  let set: SentinelSet;

  beforeAll(async () => {
    set = await startSentinel();
  });

  afterAll(async () => {
    await set.stop();
  });

  test('doctor shows the master, its replicas and whether a failover is possible', async () => {
    const healthy = await tally({ REDIS_URL: set.url }, 'doctor');
    const { port } = await set.master();
    expect(healthy.code, healthy.stdout).toBe(0);
    expect(healthy.stdout).toMatch(new RegExp(`ok {4}master +127.0.0.1:${port}, with 2 replicas\n`));
    expect(healthy.stdout).toMatch(/ok {4}sentinels +3 know each other\n/);
    expect(healthy.stdout).toMatch(/ok {4}quorum /);
    const [one, two] = set.sentinels;
    await Promise.all([one!.kill(), two!.kill()]);
    onTestFinished(async () => {
      await Promise.all([one!.start(), two!.start()]);
      await set.untilHealthy();
    });
    await until('doctor sees that no failover is possible', async () => {
      const { code, stdout } = await tally({ REDIS_URL: set.url }, 'doctor');
      return code === 1 && /FAIL {2}quorum +no failover is possible/.test(stdout);
    });
  });

  test.each([
    ['0', /WARN {2}durability +no write waits for a replica: .*TALLY_REPLICAS_TO_CONFIRM=2 waits for all/],
    ['1', /WARN {2}durability +every write waits for 1 of 2 replicas: .*TALLY_REPLICAS_TO_CONFIRM=2 waits for all/],
    ['2', /ok {4}durability +every write waits for 2 of 2 replicas: no failover loses any/],
  ])('with %s of two replicas to confirm, doctor says what a failover may lose', async (replicas, line) => {
    const { code, stdout } = await tally({ REDIS_URL: set.url, TALLY_REPLICAS_TO_CONFIRM: replicas }, 'doctor');
    expect(stdout.replace(/\n +/g, ' ')).toMatch(line);
    expect(code).toBe(0);
  });

  test('a redis:// URL that leads to a Sentinel is refused', async () => {
    const { code, stdout } = await tally({ REDIS_URL: `redis://127.0.0.1:${set.sentinels[0]?.port ?? 0}` }, 'doctor');
    expect(code).toBe(1);
    expect(stdout).toMatch(/FAIL {2}mode +this is a Sentinel/);
  });
});

/** Waits until `/readyz` of an API on this Redis answers with a status and says something. */
async function untilReadyzSays(redis: string, status: number, words: string): Promise<void> {
  const api = createApi({ redis, logger });
  const server = createServer(api.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await until(`/readyz answers ${status} and says ${words}`, async () => {
      const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/readyz`);
      return (await response.text()).includes(words) && response.status === status;
    });
  } finally {
    server.close();
    await api.close();
  }
}

test('masters that know each other by addresses which lead nowhere from here are reached where natMap says', async () => {
  const cluster = await ownCluster();
  const ways = new FaultyWays();
  onTestFinished(() => {
    ways.close();
  });
  const { nodes, natMap } = await detours(ways, cluster.nodes);
  const target = { nodes: [nodes[0]!], natMap } satisfies ClusterTarget;
  const masters = await findClusterMasters(target, target, 5_000);
  onTestFinished(() => {
    for (const { redis } of masters.nodes) {
      redis.disconnect();
    }
  });
  expect(masters.nodes.map(({ address }) => address).sort()).toEqual(
    nodes.map(({ host, port }) => `${host}:${port}`).sort(),
  );
});
