import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { QueueUnavailableError } from '../../src/index.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import { isInstalled } from '../support/topology/installed.js';
import { place, until } from '../support/tally.js';

/** A producer or worker of these is told of a write only when it is on both disks. */
const CONFIRMED = { replicasToConfirm: 1, confirmOnDisk: true };

// Redis has WAITAOF since 7.2, Debian's is older.
describe.skipIf(!isInstalled('valkey-server'))('on a Cluster that can tell what is on its disks', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startCluster({ program: 'valkey-server', settings: ['--appendfsync', 'everysec'] });
  });

  afterAll(async () => {
    await cluster.stop();
  });

  /** On all nodes, or on the replicas alone. */
  const setFsync = async (fsync: 'always' | 'everysec' | 'no', of: 'all' | 'replicas') => {
    const masters = of === 'all' ? [] : await cluster.masters();
    const nodes = cluster.nodes.filter((node) => !masters.includes(node));
    await Promise.all(nodes.map((node) => node.run('CONFIG', 'SET', 'appendfsync', fsync)));
  };

  test.each(['everysec', 'always'] as const)('with appendfsync %s every update is confirmed', async (fsync) => {
    await setFsync(fsync, 'all');
    const here = place(cluster.url);
    await here.worker(CONFIRMED);
    const { counters } = here.producer(CONFIRMED);
    for (let number = 0; number < 5; number += 1) {
      const submission = await counters.increment({ key: here.scattered(`n-${number}`), by: 5 });
      expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 5, applied: 5 } });
    }
    const stats = await Promise.all((await cluster.masters()).map((master) => master.run('INFO', 'commandstats')));
    const calls = stats.map((text) => Number(/cmdstat_waitaof:calls=(\d+)/.exec(String(text))?.[1] ?? 0));
    expect(calls.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(10);
  });

  test('what replicas do not write to their disks is not told as done, and takes effect once all the same', async () => {
    await setFsync('no', 'replicas');
    const here = place(cluster.url);
    const worker = await here.worker(CONFIRMED);
    const update = { operation: 'counter.increment', params: { key: here.key('n'), by: 5 } } as const;
    const failure = here.producer(CONFIRMED).submit(update, { idempotencyKey: 'once' });
    await expect(failure).rejects.toThrow(QueueUnavailableError);
    await expect(failure).rejects.toMatchObject({
      accepted: 'unknown',
      message: expect.stringMatching(/on 0 disks of replicas instead of 1 after 2500 ms.*appendfsync/) as string,
    });
    await until('it is applied', async () => (await here.client.get(here.key('n'))) === '5');
    const completed = `${here.partition.prefix}:counters:completed`;
    expect(await here.client.zcard(completed)).toBe(0);
    await worker.close();

    await setFsync('everysec', 'replicas');
    await here.worker(CONFIRMED);
    const again = await here.producer(CONFIRMED).submit(update, { idempotencyKey: 'once' });
    expect(await again.outcome()).toMatchObject({ status: 'applied', duplicate: true });
    expect(await here.client.get(here.key('n'))).toBe('5');
    await until('its job is completed', async () => (await here.client.zcard(completed)) === 1);
  });
});
