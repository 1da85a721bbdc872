import { htmlUnescape } from 'escape-goat';
import { onTestFinished } from 'vitest';
import { Partitions } from '../../src/layout/partitions.js';
import { createRegistry } from '../../src/operations/registry.js';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { startDashboard } from './dashboard.js';
import type { ShownQueue } from './dashboard.js';
import type { Place } from './tally.js';
import { startCluster } from './topology/cluster.js';
import type { Cluster, ClusterOptions } from './topology/cluster.js';
import type { ClusterNode } from './topology/cluster-node.js';

/** In each of the eight partitions. */
export const QUEUES = createRegistry().queues.length;

/** Nobody waits longer for an answer, whatever is unreachable: it takes two seconds when nothing else runs, five on a busy machine. */
const IN_TIME_MS = 10_000;

/** A Cluster of the test's own, whose masters go on without one that has no replica. */
export async function ownCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const settings = ['--cluster-require-full-coverage', 'no'];
  const cluster = await startCluster({ replicasPerMaster: 0, settings, ...options });
  onTestFinished(() => cluster.stop());
  return cluster;
}

export async function begin(here: Place) {
  const dashboard = await startDashboard(here);
  /** Fails when the answer does not come in time. */
  const request = (path: string, init?: RequestInit) =>
    dashboard.request(path, { signal: AbortSignal.timeout(IN_TIME_MS), ...init });
  const list = async () => {
    const { queues = [] } = (await (await request('/ops/queues/api/queues')).json()) as { queues?: ShownQueue[] };
    return queues;
  };
  const page = async (path: string, query: Record<string, string>) => {
    const answer = await request(`${path}?${new URLSearchParams(query).toString()}`, asBrowser);
    const text = htmlUnescape((await answer.text()).replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ');
    return { status: answer.status, text };
  };
  return {
    ...dashboard,
    request,
    list,
    /** All queues are there, and have masters that answer. */
    isWhole: async () => {
      const queues = await list();
      return queues.length === 8 * QUEUES && queues.every(({ readOnlyMode }) => !readOnlyMode);
    },
    cellPage: (key: string) => page('/ops/keys', { key }),
    findPage: (update: string, key = '') => page('/ops/find', { update, key }),
  };
}

const asBrowser = { headers: { accept: 'text/html' } };

interface Holders {
  readonly users: ClusterNode;
  readonly counts: ClusterNode;
  /** One that holds neither. */
  readonly other: ClusterNode;
}

export async function holdersOf(cluster: Cluster, here: Place): Promise<Holders> {
  const keys = createKeys(here);
  const users = await cluster.masterOfSlot(slotOf(keys.users));
  const counts = await cluster.masterOfSlot(slotOf(keys.partitionCounts));
  return { users, counts, other: (await cluster.masters()).find((node) => node !== users && node !== counts)! };
}

/** What the dashboard says of a master, and the numbers of the partitions, of eight, that lie there. */
export async function lossOf(cluster: Cluster, node: ClusterNode, { prefix }: Place) {
  const { all } = new Partitions(prefix, 8);
  const masters = await Promise.all(all.map((partition) => cluster.masterOfSlot(slotOf(partition.prefix))));
  return {
    fault: `Redis master 127.0.0.1:${node.port} does not answer`,
    lost: masters.flatMap((master, index) => (master === node ? [index + 1] : [])),
  };
}

/** Keys that lie in slots all over the Cluster. */
export function keysOf(here: Place, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n}-${here.key('n')}`.replace(/[{}]/g, ''));
}

/** A key on a master that is wanted. */
export async function keyOn(cluster: Cluster, here: Place, isWanted: (node: ClusterNode) => boolean): Promise<string> {
  for (const key of keysOf(here, 100)) {
    if (isWanted(await cluster.masterOfSlot(slotOf(key)))) {
      return key;
    }
  }
  throw new Error('no key of a hundred lies there');
}

/** Adds jobs that wait in partitions on all masters. */
export function addJobs(here: Place) {
  return here
    .producer({ maxBatch: 1 })
    .submit(keysOf(here, 80).map((key) => ({ operation: 'counter.increment' as const, params: { key } })));
}

/** Ends a master as a crash does; it is back before what the test wrote is removed, which takes all masters. */
export async function kill(cluster: Cluster, master: ClusterNode): Promise<void> {
  onTestFinished(async () => {
    await master.start();
    await cluster.untilHealthy();
  });
  await master.kill();
}
