import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connectPromptly } from '../../src/redis/connect.js';
import type { ClusterConnection } from '../../src/redis/cluster-connection.js';
import { until } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';

const ASK_EVERY_MS = 50;

test('a connection that ends while it asks for the slots asks no more, and lets its process end', async () => {
  const cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  const nodes = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  const target = { nodes, slotsRefreshInterval: ASK_EVERY_MS };
  const connection = connectPromptly(target, 'test', 1_000, pino({ level: 'silent' })) as ClusterConnection;
  await connection.ping();
  const asks = vi.spyOn(connection, 'refreshSlotsCache');
  const signalAll = (signal: NodeJS.Signals) => {
    for (const node of cluster.nodes) {
      process.kill(node.pid(), signal);
    }
  };
  signalAll('SIGSTOP');
  const before = asks.mock.calls.length;
  await until('it asks', () => asks.mock.calls.length > before);
  connection.disconnectAll();
  signalAll('SIGCONT');
  await once(connection, 'end');

  asks.mockClear();
  await wait(10 * ASK_EVERY_MS);
  expect(asks).not.toHaveBeenCalled();
});
