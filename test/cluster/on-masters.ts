import { onTestFinished } from 'vitest';
import { createMetrics } from '../../src/index.js';
import type { Outcome, Submission, WorkerOptions } from '../../src/index.js';
import { slotOf } from '../../src/redis/slots.js';
import { keysLike, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import type { ClusterNode } from '../support/topology/cluster-node.js';

/** A third of all slots is on the first master. */
export const SLOTS_OF_FIRST = 5_461;

/** For tests that count calls: a lease that is over on a busy machine makes one more, or has them go slot by slot. */
export const LONG_LOCK = { lockDurationMs: 30_000 };

export const TIMING = { lockDurationMs: 1_000, stalledIntervalMs: 500, partitions: 1 };

/** What becomes of a counter that is changed. @param by how much of it was applied */
export const applied = (value: number, by = 1) => ({ status: 'applied', result: { value, applied: by } });

export async function ownCluster(): Promise<Cluster> {
  const cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  return cluster;
}

/** Names of cells on the first master, each in a slot of its own. */
export function keysOnFirst(here: Place, count: number): string[] {
  const bySlot = new Map<number, string>();
  for (let n = 0; bySlot.size < count; n += 1) {
    const key = `${here.namespace}-${n}`;
    if (slotOf(key) < SLOTS_OF_FIRST) {
      bySlot.set(slotOf(key), key);
    }
  }
  return [...bySlot.values()];
}

/** Adds a job with an increment of each key. */
export function submit(here: Place, keys: readonly string[], options: object = {}): Promise<Submission<never>[]> {
  const updates = keys.map((key) => ({ operation: 'counter.increment' as const, params: { key }, ...options }));
  return here.producer({ partitions: 1 }).submit(updates) as Promise<Submission<never>[]>;
}

export function outcomesOf(submissions: readonly Submission<never>[]): Promise<Outcome[]> {
  return Promise.all(submissions.map((submission) => submission.outcome({ timeoutMs: 60_000 })));
}

/** A worker, and how many calls for all of a master it makes. */
export async function countedWorker(here: Place, options: Partial<WorkerOptions> = {}) {
  const metrics = createMetrics({ redis: here.redis, namespace: here.namespace, prefix: here.prefix });
  onTestFinished(() => metrics.close());
  const worker = await here.worker({ ...TIMING, metrics, ...options });
  const calls = async (result: string) =>
    Number(
      new RegExp(`^tally_calls_by_master_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(await metrics.text())?.[1],
    );
  return { worker, calls };
}

export async function valuesOf(here: Place, keys: readonly string[]): Promise<(string | null)[]> {
  return Promise.all(keys.map((key) => here.client.get(key)));
}

/** Makes each master know the script. */
export async function warmUp(here: Place): Promise<void> {
  await outcomesOf(
    await submit(
      here,
      Array.from({ length: 30 }, (_, n) => `${here.namespace}-warm-${n}`),
    ),
  );
}

/** The first attempt is over, so that the next one finds what it left. */
export async function untilPutOff(here: Place): Promise<void> {
  await until('the job is put off', async () => (await keysLike(here, `${here.prefix}*:delayed`)).length > 0);
}

export async function begin(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
  await to.run('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
  await from.run('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
}

/** How often a node has run a command, also within scripts. */
export async function commandCalls(node: ClusterNode, command: string): Promise<number> {
  const stats = String(await node.run('INFO', 'commandstats'));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}
