import { expect, onTestFinished, test } from 'vitest';
import { otherServers } from '../support/other-servers.js';
import { keysLike, place, until } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { ClusterNode } from '../support/topology/cluster-node.js';
import { KeyedLoad } from './keyed-load.js';
import { LONG_LOCK, countedWorker } from './on-masters.js';

/** How long slots move back and forth at least; `RESHARD_SECONDS=120` for a long run. */
const SECONDS = Number(process.env['RESHARD_SECONDS'] ?? 10);

/** Cells, most of them alone in their slot. */
const CELLS = 240;

/** A part of those of the first master: jobs have cells in it, beside it, and on other masters. */
const [FIRST, LAST] = [1_000, 3_999];

/** A server that copies the keys of slots while the one master serves them, and then lets writes wait for a moment. */
interface AtomicMover {
  readonly since: string;
  move(from: ClusterNode, to: ClusterNode): Promise<unknown>;
  /** A command that tells of the moves a node knows of, its own and those to it. */
  readonly ask: readonly string[];
  readonly done: string;
}

const MOVERS: Readonly<Record<string, AtomicMover>> = {
  valkey: {
    since: 'Valkey 9',
    move: (from, to) => from.run('CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', FIRST, LAST, 'NODE', to.id),
    ask: ['GETSLOTMIGRATIONS'],
    done: 'success',
  },
  'redis-8': {
    since: 'Redis 8.4',
    move: (_from, to) => to.run('CLUSTER', 'MIGRATION', 'IMPORT', FIRST, LAST),
    ask: ['MIGRATION', 'STATUS', 'ALL'],
    done: 'completed',
  },
};

/** What became of the moves that a node knows of. */
async function statesOf(node: ClusterNode, { ask }: AtomicMover): Promise<string[]> {
  const moves = (await node.run('CLUSTER', ...ask)) as unknown[][];
  return moves.map((move) => String(move[move.findIndex((name) => String(name) === 'state') + 1]));
}

test.for(Object.keys(MOVERS))(
  'slots that a new %s moves as a whole go back and forth under load, no move is broken off, and totals are exact',
  { timeout: SECONDS * 1_000 + 240_000 },
  async (name, { skip }) => {
    const { program = '' } = otherServers().find((server) => server.name === name) ?? {};
    const mover = MOVERS[name]!;
    skip(program === '', `there is no ${name} here`);
    const cluster = await startCluster({ masters: 3, replicasPerMaster: 0, program });
    onTestFinished(() => cluster.stop());
    const [one, other] = (await cluster.masters()) as [ClusterNode, ClusterNode];
    const knows = await statesOf(one, mover).then(
      () => true,
      () => false,
    );
    skip(!knows, `it is older than ${mover.since}`);
    const here = place(cluster.url);
    const workers = [
      await countedWorker(here, { ...LONG_LOCK, partitions: 4 }),
      await countedWorker(here, { ...LONG_LOCK, partitions: 4 }),
    ];
    const cellOf = (number: number) => `${here.namespace}-${number % CELLS}`;
    const load = new KeyedLoad(here.producer({ partitions: 4 }), cellOf, 60);

    let moves = 0;
    for (const endsAtMs = performance.now() + SECONDS * 1_000; moves < 4 || performance.now() < endsAtMs; moves += 1) {
      const goal = load.sent + CELLS / 2;
      await until('more are sent', () => load.sent >= goal);
      const from = await cluster.masterOfSlot(FIRST);
      const to = from === one ? other : one;
      await mover.move(from, to);
      await until('the slots have moved', async () => (await cluster.masterOfSlot(FIRST)) === to);
      await cluster.untilHealthy();
    }
    await load.stop();

    const totals = await load.totals(here.client);
    expect(totals).toMatchObject({ lostAccepted: 0, lostApplied: 0, doubled: 0, otherOutcomes: [] });
    expect(totals.applied).toBe(totals.sent);
    expect(await keysLike(here, `${here.prefix}:*:failed`)).toEqual([]);
    const states = (await Promise.all([one, other].map((node) => statesOf(node, mover)))).flat();
    expect(new Set(states)).toEqual(new Set([mover.done]));
    expect(states.length).toBeGreaterThanOrEqual(Math.min(moves, 4));
    const calls = await Promise.all(workers.map((worker) => worker.calls('answered')));
    expect(calls[0]! + calls[1]!).toBeGreaterThan(0);
  },
);
