import { existsSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import { isInstalled } from '../support/topology/installed.js';
import { startSecure } from '../support/topology/secure.js';
import { startSentinel } from '../support/topology/sentinel.js';
import { until } from '../support/tally.js';

const programs = ['redis-server', 'valkey-server'].filter(isInstalled);

describe.each(programs)('a cluster of %s', (program) => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startCluster({ program });
  });
  afterAll(async () => {
    await cluster.stop();
  });

  it('gives each of three masters a third of the slots and a replica', async () => {
    const masters = await cluster.masters();
    expect(masters).toHaveLength(3);
    const replicas = (await Promise.all(masters.map((master) => cluster.replicasOf(master)))).flat();
    expect(new Set([...masters, ...replicas])).toEqual(new Set(cluster.nodes));
    const ownersOf = (...slots: number[]) => Promise.all(slots.map((slot) => cluster.masterOfSlot(slot)));
    const owners = await ownersOf(0, 5461, 10923);
    expect(new Set(owners)).toEqual(new Set(masters));
    expect(await ownersOf(5460, 10922, 16383)).toEqual(owners);
  });

  it('shows on the replica what was written on its master', async () => {
    const slot = await slotOf(cluster, 'seen-on-replica');
    const master = await cluster.masterOfSlot(slot);
    const [replica] = await cluster.replicasOf(master);
    await master.run('SET', 'seen-on-replica', 'yes');
    await until('the replica has the key', async () => (await replica!.run('GET', 'seen-on-replica')) === 'yes');
  });

  it('lets a replica take over from a killed master, which comes back as its replica', async () => {
    const slot = await slotOf(cluster, 'taken-over');
    const master = await cluster.masterOfSlot(slot);
    const [replica] = await cluster.replicasOf(master);
    const pid = master.pid();
    await master.run('SET', 'taken-over', 'yes');
    await master.run('WAIT', 1, 5_000);

    await master.kill();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await cluster.untilHealthy();
    expect(await cluster.masterOfSlot(slot)).toBe(replica);
    expect(await replica!.run('GET', 'taken-over')).toBe('yes');

    await master.start();
    await cluster.untilHealthy();
    expect(await cluster.replicasOf(replica!)).toEqual([master]);
  });

  it('moves a slot while its keys can be read', async () => {
    const client = new Redis.Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })));
    onTestFinished(() => {
      client.disconnect();
    });
    const names = Array.from({ length: 200 }, (_, index) => `{moved}:${index}`);
    await Promise.all(names.map((name) => client.set(name, name)));
    const slot = await slotOf(cluster, '{moved}');
    const from = await cluster.masterOfSlot(slot);
    const to = (await cluster.masters()).find((master) => master !== from)!;

    let readings = 0;
    await cluster.moveSlot(slot, to, {
      between: async () => {
        expect(await Promise.all(names.map((name) => client.get(name)))).toEqual(names);
        readings += 1;
      },
    });
    await cluster.untilHealthy();
    expect(readings).toBe(20);
    expect(await cluster.masterOfSlot(slot)).toBe(to);
    expect(await to.run('CLUSTER', 'COUNTKEYSINSLOT', slot)).toBe(200);
    expect(await from.run('CLUSTER', 'COUNTKEYSINSLOT', slot)).toBe(0);
  });
});

it('adds a master to a cluster, which takes a slot, and leaves nothing behind when it stops', async () => {
  const cluster = await startCluster({ replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  const added = await cluster.addMaster();
  expect(await cluster.masters()).toContain(added);
  await cluster.moveSlot(0, added);
  await cluster.untilHealthy();
  expect(await cluster.masterOfSlot(0)).toBe(added);

  const pids = cluster.nodes.map((node) => node.pid());
  const [, folder] = (await added.run('CONFIG', 'GET', 'dir')) as string[];
  process.kill(added.pid(), 'SIGSTOP');
  await cluster.stop();
  for (const pid of pids) {
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  }
  expect(existsSync(folder!)).toBe(false);
});

it.each(programs)('lets Sentinel of %s replace a killed master, which comes back as a replica', async (program) => {
  const sentinel = await startSentinel({ program });
  onTestFinished(() => sentinel.stop());
  const old = await sentinel.master();
  await old.run('SET', 'kept', 'yes');
  await old.run('WAIT', 2, 5_000);

  await old.kill();
  await sentinel.untilHealthy();
  const master = await sentinel.master();
  expect(master).not.toBe(old);
  expect(await master.run('GET', 'kept')).toBe('yes');

  await old.start();
  await sentinel.untilHealthy();
  expect(await sentinel.master()).toBe(master);
  expect(await old.run('ROLE')).toEqual(expect.arrayContaining(['slave', master.port]));
});

it.each(programs)('lets a %s with TLS answer only who trusts its authority and has a password', async (program) => {
  const server = await startSecure({ program, users: ['user tally on >secret ~tally:* +@all'] });
  onTestFinished(() => server.stop());
  const answer = async (options: { ca?: string; password?: string }, key: string) => {
    const { ca, password } = options;
    const client = new Redis({
      host: 'localhost',
      port: server.port,
      family: 4,
      tls: { ...(ca !== undefined && { ca }) },
      username: 'tally',
      password: password ?? 'secret',
      lazyConnect: true,
      retryStrategy: () => null,
    });
    const errors: string[] = [];
    client.on('error', (error: Error) => errors.push(error.message));
    try {
      return await client.set(key, '1');
    } catch (error) {
      return [...errors, String(error)].join('; ');
    } finally {
      client.disconnect();
    }
  };
  expect(await server.admin.ping()).toBe('PONG');
  expect(await answer({ ca: server.ca }, 'tally:a')).toBe('OK');
  expect(await answer({ ca: server.ca }, 'other')).toContain('NOPERM');
  expect(await answer({ ca: server.ca, password: 'wrong' }, 'tally:a')).toContain('WRONGPASS');
  expect(await answer({}, 'tally:a')).toContain('certificate');
});

async function slotOf(cluster: Cluster, key: string): Promise<number> {
  return Number(await cluster.nodes[0]!.run('CLUSTER', 'KEYSLOT', key));
}
