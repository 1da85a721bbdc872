import { expect, onTestFinished, test } from 'vitest';
import { jobKey } from '../../src/bullmq/queue-keys.js';
import { readJobStates } from '../../src/jobs/job-end.js';
import { Partitions } from '../../src/layout/partitions.js';
import type { ClusterConnection } from '../../src/redis/cluster-connection.js';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import type { ClusterNode } from '../support/topology/cluster-node.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { KeyedLoad } from './keyed-load.js';

const PARTITIONS = 4;
const TAGS = 12;
const CELLS_OF_A_TAG = 25;

/** For as long as a large slot takes to move, and longer than a lease. */
const HALF_MOVED_MS = 6_000;

interface Moved {
  readonly here: Place;
  readonly load: KeyedLoad;
}

/** Moves slots to other masters while workers and producers are busy with them, each held half moved for a while. */
async function moveUnderLoad(
  slotsOf: (here: Place) => readonly number[],
  targetOf: (cluster: Cluster, source: ClusterNode) => Promise<ClusterNode>,
  callByMaster = true,
): Promise<Moved> {
  const cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  const here = place(cluster.url);
  await here.worker({ partitions: PARTITIONS, callByMaster });
  await here.worker({ partitions: PARTITIONS, callByMaster });
  const producer = here.producer({ partitions: PARTITIONS });
  const load = new KeyedLoad(producer, (number) => cellOf(here, number), 50);
  for (const slot of slotsOf(here)) {
    const goal = load.sent + 500;
    await until('some updates are sent', () => load.sent >= goal, 60_000);
    const source = await cluster.masterOfSlot(slot);
    await moveSlowly(cluster, slot, await targetOf(cluster, source));
  }
  const goal = load.sent + 500;
  await until('some updates are sent after the last move', () => load.sent >= goal, 60_000);
  await load.stop();
  return { here, load };
}

function cellOf(here: Place, number: number): string {
  return `{${tagOf(here, number % TAGS)}}:${number % CELLS_OF_A_TAG}`;
}

function tagOf(here: Place, number: number): string {
  return `${here.namespace}-${number}`;
}

async function anotherMaster(cluster: Cluster, source: ClusterNode): Promise<ClusterNode> {
  return (await cluster.masters()).find(({ id }) => id !== source.id)!;
}

/** One that has just joined: workers have not heard of it, and it has no scripts. */
function newMaster(cluster: Cluster): Promise<ClusterNode> {
  return cluster.addMaster();
}

async function moveSlowly(cluster: Cluster, slot: number, target: ClusterNode): Promise<void> {
  let isHeld = false;
  await cluster.moveSlot(slot, target, {
    between: async () => {
      if (!isHeld) {
        isHeld = true;
        await new Promise((resolve) => setTimeout(resolve, HALF_MOVED_MS));
      }
    },
  });
}

async function expectExactTotals({ here, load }: Moved): Promise<void> {
  const totals = await load.totals(here.client);
  expect(totals).toMatchObject({ lostAccepted: 0, lostApplied: 0, doubled: 0, otherOutcomes: [] });
  expect(await keysLike(here, `${here.prefix}:*:failed`)).toEqual([]);
}

test.each([true, false])(
  'slots of cells move to new masters under load: totals are exact, no job fails or uses up an attempt; by master: %s',
  { timeout: 180_000 },
  async (callByMaster) => {
    const slotsOf = (here: Place) => [0, 1].map((number) => slotOf(`{${tagOf(here, number)}}`));
    const moved = await moveUnderLoad(slotsOf, newMaster, callByMaster);

    await expectExactTotals(moved);
    const { here } = moved;
    const lists = await keysLike(here, `${here.prefix}:*:counters:completed`);
    expect(lists).toHaveLength(PARTITIONS);
    for (const list of lists) {
      const jobs = await here.client.zrange(list, '0', '-1');
      const attempts = await Promise.all(jobs.map((id) => here.client.hget(list.replace(/completed$/, id), 'atm')));
      expect(new Set(attempts)).toEqual(new Set(['1']));
    }
  },
);

test('slots of queues move under load: totals are exact and no job fails', { timeout: 180_000 }, async () => {
  const moved = await moveUnderLoad(
    (here) => new Partitions(here.prefix, PARTITIONS).all.slice(0, 2).map(({ prefix }) => slotOf(prefix)),
    anotherMaster,
  );

  await expectExactTotals(moved);
});

test('jobs are found on both sides of a slot that is half moved', async () => {
  const cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  const here = place(cluster.url);
  const [partition] = new Partitions(here.prefix, 1).all;
  const keys = createKeys(here);
  const jobs = Array.from({ length: 20 }, (_, number) => ({
    queue: 'counters',
    partition,
    jobId: `job-${number}`,
    slot: undefined,
  }));
  await Promise.all(
    jobs.map(({ queue, jobId }) =>
      here.client.hset(jobKey({ prefix: partition.prefix, queue }, jobId), 'timestamp', '1'),
    ),
  );
  const slot = slotOf(partition.prefix);
  const source = await cluster.masterOfSlot(slot);
  const target = (await cluster.masters()).find(({ id }) => id !== source.id)!;

  const seen: string[] = [];
  await cluster.moveSlot(slot, target, {
    batch: 5,
    between: async () => {
      seen.push(...(await readJobStates({ redis: here.client, keys, layouts: here.layout }, jobs)).map(String));
    },
  });

  expect(seen).toEqual(Array.from({ length: 4 * jobs.length }, () => 'unfinished'));
});

test('a new master that is forgotten while it is asked fails no more than the command', async () => {
  const cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  const client = place(cluster.url).client as ClusterConnection;
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  onTestFinished(() => {
    process.off('unhandledRejection', note);
  });
  await client.set('{half}:moved', 'yes');
  const target = await cluster.addMaster();

  await cluster.moveSlot(slotOf('{half}'), target, {
    between: async () => {
      process.kill(target.pid(), 'SIGSTOP');
      const asked = new Promise((resolve) => client.once('+node', resolve));
      const answer = client.get('{half}:new');
      await asked;
      // It has no slots yet, so that its connection is closed.
      await new Promise((resolve) => {
        client.refreshSlotsCache(resolve);
      });
      process.kill(target.pid(), 'SIGCONT');
      expect(await answer.catch(String)).toBeNull(); // sent again
    },
  });
  expect(unhandled).toEqual([]);
});
