import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { place, until } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import { findClusterFault } from '../support/topology/cluster-health.js';
import { ClusterNode } from '../support/topology/cluster-node.js';
import { joinCluster } from '../support/topology/create-cluster.js';
import { freePorts } from '../support/topology/free-ports.js';

/** The steps of docs/operations.md for a Cluster, with the commands that stand there. */

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  expect(status, `${program} ${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
  return stdout;
}

/** Of the file that `redis-cli --cluster backup` writes beside the copies. */
interface BackedUp {
  readonly name: string;
  /** The id of its master; null for a master. */
  readonly replicate: string | null;
  readonly slots: readonly (readonly [number, number])[];
}

/** Starts as many empty masters with the same slots, makes a Cluster of them, and starts each anew with its copy. */
async function restore(copies: string): Promise<ClusterNode[]> {
  const backedUp = JSON.parse(readFileSync(join(copies, 'nodes.json'), 'utf8')) as readonly BackedUp[];
  const masters = backedUp.filter(({ replicate }) => replicate === null);
  const folder = mkdtempSync(join(tmpdir(), 'tally-restored-'));
  const settings = ['--appendonly', 'no']; // else they would begin empty
  const ports = await freePorts(masters.length);
  const nodes = ports.map((port) => {
    return new ClusterNode({ program: 'redis-server', port, folder, settings, security: undefined });
  });
  onTestFinished(async () => {
    await Promise.all(nodes.map((node) => node.kill()));
    rmSync(folder, { recursive: true, force: true });
  });
  await Promise.all(nodes.map((node) => node.start()));
  for (const [index, node] of nodes.entries()) {
    await node.run('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    await node.run('CLUSTER', 'ADDSLOTSRANGE', ...masters[index]!.slots.flat());
    await joinCluster(node, nodes.slice(0, index));
  }
  await until('all agree', async () => (await findClusterFault(nodes)) === undefined);
  for (const [index, node] of nodes.entries()) {
    await node.stop();
    const copy = readdirSync(copies).find((name) => name.endsWith(`${masters[index]!.name}.rdb`))!;
    copyFileSync(join(copies, copy), join(folder, String(node.port), 'dump.rdb'));
  }
  await Promise.all(nodes.map((node) => node.start()));
  await until('all agree', async () => (await findClusterFault(nodes)) === undefined);
  expect(run('redis-cli', '--cluster', 'check', `127.0.0.1:${nodes[0]!.port}`).match(/\[OK\] All/g)).toHaveLength(2);
  await Promise.all(nodes.map((node) => node.run('CONFIG', 'SET', 'appendonly', 'yes')));
  return nodes;
}

test('copies of all masters are restored as another Cluster: what was applied, waited or came later counts once', async (context) => {
  if (spawnSync('redis-cli', ['--version']).error !== undefined) {
    context.skip("redis-cli is not on the PATH: it is in Debian's package redis-tools");
  }
  const cluster = await startCluster({ replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  const here = place(cluster.url);
  const producer = here.producer();
  const keys = Array.from({ length: 24 }, (_, number) => here.scattered(String(number)));
  const submitAll = (to: typeof producer, moment: string) =>
    to.submit(
      keys.map((key) => ({
        operation: 'counter.increment' as const,
        params: { key },
        idempotencyKey: `${moment} ${key}`,
      })),
    );
  const outcomesOf = async (to: typeof producer, moment: string) =>
    Promise.all((await submitAll(to, moment)).map((submission) => submission.outcome({ timeoutMs: 60_000 })));
  const worker = await here.worker();
  await outcomesOf(producer, 'applied before');
  await worker.close(); // as where all queues are paused, and none has a running job
  const waiting = await submitAll(producer, 'waits in the copies');

  const copies = mkdtempSync(join(tmpdir(), 'tally-copies-'));
  onTestFinished(() => {
    rmSync(copies, { recursive: true, force: true });
  });
  run('redis-cli', '--cluster', 'backup', `127.0.0.1:${cluster.nodes[0]!.port}`, copies);

  const late = await here.worker();
  await Promise.all(waiting.map((submission) => submission.outcome({ timeoutMs: 60_000 })));
  await outcomesOf(producer, 'came later');
  await late.close();
  await producer.close();
  await Promise.all(cluster.nodes.map((node) => node.kill()));

  const nodes = await restore(copies);
  const [first, ...others] = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const there = place(`redis-cluster://${first!}?${others.map((address) => `node=${address}`).join('&')}`);
  const names = { namespace: here.namespace, prefix: here.prefix };
  const valuesOf = () => Promise.all(keys.map((key) => there.client.get(key)));
  expect(await valuesOf()).toEqual(keys.map(() => '1'));
  const producer2 = there.producer(names);
  const worker2 = await there.worker(names);
  for (const moment of ['applied before', 'waits in the copies', 'came later']) {
    await outcomesOf(producer2, moment);
  }
  for (const moment of ['applied before', 'waits in the copies', 'came later']) {
    const outcomes = await outcomesOf(producer2, moment);
    expect(outcomes, moment).toEqual(
      keys.map(() => expect.objectContaining({ status: 'applied', duplicate: true }) as unknown),
    );
  }
  expect(await valuesOf()).toEqual(keys.map(() => '3'));
  await worker2.close();
});
