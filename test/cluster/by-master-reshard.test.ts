import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { slotOf } from '../../src/redis/slots.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import { KeyedLoad } from './keyed-load.js';
import {
  LONG_LOCK,
  SLOTS_OF_FIRST,
  applied,
  begin,
  countedWorker,
  keysOnFirst,
  outcomesOf,
  ownCluster,
  submit,
  untilPutOff,
  valuesOf,
  warmUp,
} from './on-masters.js';

/** How long slots move back and forth at least; `RESHARD_SECONDS=120` for a long run. */
const SECONDS = Number(process.env['RESHARD_SECONDS'] ?? 10);

/** Cells, of which many are in a slot that no other is in. */
const CELLS = 240;

/** Slots that move, one after the other, and then again. */
const MOVING = 3;

const cellOf = (here: Place, number: number) => `${here.namespace}-${number % CELLS}`;

/** Names of cells on the second master, each in a slot of its own. */
function keysOnSecond(here: Place, count: number): string[] {
  const bySlot = new Map<number, string>();
  for (let n = 0; bySlot.size < count; n += 1) {
    const key = `${here.namespace}-${n}`;
    if (slotOf(key) > SLOTS_OF_FIRST && slotOf(key) < 2 * SLOTS_OF_FIRST) {
      bySlot.set(slotOf(key), key);
    }
  }
  return [...bySlot.values()];
}

/** How long a slot stays half moved. */
const HALF_MOVED_MS = 500;

/** Each second move meets a crash, of the one side and of the other in turn. */
const CRASH_EVERY = 2;

/** Moves a slot to another master. It stays half moved for a while, or while one of the two is killed and started again. */
async function moveSlowly(cluster: Cluster, slot: number, crashOf?: 'from' | 'to'): Promise<void> {
  const from = await cluster.masterOfSlot(slot);
  const to = (await cluster.masters()).find((master) => master !== from)!;
  let isHeld = false;
  await cluster.moveSlot(slot, to, {
    batch: 1,
    between: async () => {
      if (isHeld) {
        return;
      }
      isHeld = true;
      await wait(HALF_MOVED_MS);
      if (crashOf !== undefined) {
        const victim = { from, to }[crashOf];
        await victim.kill();
        await victim.start();
        await cluster.untilHealthy();
      }
    },
  });
}

test(
  'slots move back and forth under load, and a master on either side of a half moved one is killed: totals are exact',
  { timeout: SECONDS * 1_000 + 240_000 },
  async () => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    const workers = [await countedWorker(here, { partitions: 4 }), await countedWorker(here, { partitions: 4 })];
    const load = new KeyedLoad(here.producer({ partitions: 4 }), (number) => cellOf(here, number), 60);
    const slots = Array.from({ length: MOVING }, (_, number) => slotOf(cellOf(here, number * 7)));
    const untilMoreAreSent = async () => {
      const goal = load.sent + CELLS / 2;
      await until('more are sent', () => load.sent >= goal);
    };

    const endsAtMs = performance.now() + SECONDS * 1_000;
    for (let move = 1; move <= 2 * CRASH_EVERY || performance.now() < endsAtMs; move += 1) {
      await untilMoreAreSent();
      const crashOf = move % CRASH_EVERY > 0 ? undefined : move % (2 * CRASH_EVERY) === 0 ? 'to' : 'from';
      await moveSlowly(cluster, slots[move % slots.length]!, crashOf);
    }
    await untilMoreAreSent();
    await load.stop();

    const totals = await load.totals(here.client);
    expect(totals).toMatchObject({ lostAccepted: 0, lostApplied: 0, doubled: 0, otherOutcomes: [] });
    expect(await keysLike(here, `${here.prefix}:*:failed`)).toEqual([]);
    const calls = await Promise.all(workers.map((worker) => worker.calls('answered')));
    expect(calls[0]! + calls[1]!).toBeGreaterThan(0); // whether one falls back here is a matter of chance
  },
);

test(
  'of a job on both sides of a slot whose cells are half moved, only that slot waits, and all is applied once',
  { timeout: 120_000 },
  async () => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    const [half, ...onFirst] = keysOnFirst(here, 5) as [string, ...string[]];
    const moving = [`{${half}}:stays`, `{${half}}:moves`];
    const others = [...onFirst, ...keysOnSecond(here, 4)];
    await Promise.all([...moving, ...others].map((key) => here.client.set(key, '100')));
    const [from, to] = [await cluster.masterOfSlot(0), await cluster.masterOfSlot(SLOTS_OF_FIRST + 1)];
    const { calls } = await countedWorker(here);
    await warmUp(here);
    await begin(slotOf(half), from, to);
    await from.run('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', moving[1]!);

    const submissions = await submit(here, [...others, ...moving]);
    await until('the others are applied', async () => (await valuesOf(here, others)).every((value) => value === '101'));
    await untilPutOff(here);
    const direct = new Redis(from.port);
    onTestFinished(() => {
      direct.disconnect();
    });
    expect(await direct.get(moving[0]!)).toBe('100');
    expect(await calls('answered')).toBeGreaterThan(0); // the other master's
    expect(await calls('fell back')).toBeGreaterThan(0);
    await cluster.moveSlot(slotOf(half), to);

    expect(await outcomesOf(submissions)).toEqual([...others, ...moving].map(() => applied(101)));
    expect(await valuesOf(here, [...others, ...moving])).toEqual([...others, ...moving].map(() => '101'));
  },
);

test(
  'a master that has just got its slots, and has no script, is asked by one call, too',
  { timeout: 120_000 },
  async () => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    const keys = keysOnFirst(here, 6);
    const { calls } = await countedWorker(here, LONG_LOCK);
    expect(await outcomesOf(await submit(here, keys))).toEqual(keys.map(() => applied(1)));
    const added = await cluster.addMaster();
    for (const key of keys) {
      await cluster.moveSlot(slotOf(key), added);
    }

    expect(await outcomesOf(await submit(here, keys))).toEqual(keys.map(() => applied(2))); // the worker's map may be of before
    const [answered, fellBack] = [await calls('answered'), await calls('fell back')];
    expect(await outcomesOf(await submit(here, keys))).toEqual(keys.map(() => applied(3)));
    expect([await calls('answered'), await calls('fell back')]).toEqual([answered + 1, fellBack]);
    expect(await added.run('INFO', 'commandstats')).toContain('cmdstat_evalsha');
  },
);

test(
  'with replicasToConfirm a job is told when replicas of all its masters have it, and applied once meanwhile',
  { timeout: 120_000 },
  async () => {
    const cluster = await startCluster({ masters: 3, replicasPerMaster: 1 });
    onTestFinished(() => cluster.stop());
    const here = place(cluster.url);
    const [first, second] = [keysOnFirst(here, 4), keysOnSecond(here, 4)];
    const { calls } = await countedWorker(here, { ...LONG_LOCK, replicasToConfirm: 1 });
    expect(await outcomesOf(await submit(here, [...first, ...second]))).toEqual(
      [...first, ...second].map(() => applied(1)),
    );
    expect([await calls('answered'), await calls('fell back')]).toEqual([2, 0]);

    const [replica] = await cluster.replicasOf(await cluster.masterOfSlot(slotOf(second[0]!)));
    process.kill(replica!.pid(), 'SIGSTOP');
    const submissions = await submit(here, [...first, ...second]);
    let isTold = false;
    const outcomes = outcomesOf(submissions).finally(() => (isTold = true));
    await until('it is applied', async () =>
      (await valuesOf(here, [...first, ...second])).every((value) => value === '2'),
    );
    await until('it was tried again', async () => (await calls('answered')) > 4);
    expect(isTold).toBe(false);
    process.kill(replica!.pid(), 'SIGCONT');

    expect(await outcomes).toEqual([...first, ...second].map(() => applied(2)));
    expect(await valuesOf(here, [...first, ...second])).toEqual([...first, ...second].map(() => '2'));
  },
);
