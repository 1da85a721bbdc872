import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createSubscriber } from '../../src/index.js';
import { readGroups } from '../../src/jobs/told-groups.js';
import { readStreams } from '../../src/jobs/told-streams.js';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { allTold } from '../support/told.js';
import type { Cluster } from '../support/topology/cluster.js';
import { startCluster } from '../support/topology/cluster.js';
import { KeyedLoad } from './keyed-load.js';
import { countedWorker, outcomesOf, ownCluster, submit } from './on-masters.js';
import { faultsOfIncrements, rawEvents } from './told-streams.js';

/** How long slots move back and forth at least; `RESHARD_SECONDS=120` for a long run. */
const SECONDS = Number(process.env['RESHARD_SECONDS'] ?? 10);

const CELLS = 120;
const cellOf = (here: Place, number: number) => `${here.namespace}-${number % CELLS}`;

/** Three subscribers of the group "g", and what they have heard together. */
async function listenThrice(here: Place) {
  const { redis, namespace, prefix, logger } = here;
  const heard: string[] = [];
  const gaps: unknown[] = [];
  const subscribers = Array.from({ length: 3 }, () =>
    createSubscriber({
      ...{ redis, namespace, prefix, logger },
      group: 'g',
      start: 'beginning',
      takeOverAfterMs: 2_000,
      concurrency: 20,
      onOutcome: ({ id }) => void heard.push(id),
      onGap: (gap) => void gaps.push(gap),
    }),
  );
  for (const subscriber of subscribers) {
    onTestFinished(() => subscriber.close());
  }
  await Promise.all(subscribers.map((subscriber) => subscriber.ready()));
  return { heard, gaps };
}

async function load(here: Place) {
  const workers = [
    await countedWorker(here, { partitions: 4, outcomes: true }),
    await countedWorker(here, { partitions: 4, outcomes: true }),
  ];
  const keyed = new KeyedLoad(here.producer({ partitions: 4 }), (number) => cellOf(here, number), 40);
  const untilMoreAreSent = async () => {
    const goal = keyed.sent + CELLS;
    await until('more are sent', () => keyed.sent >= goal);
  };
  return { keyed, untilMoreAreSent, workers };
}

/** That all that was applied was told once, and heard; and nothing else. */
async function expectAllTold(here: Place, { heard, gaps }: { heard: string[]; gaps: unknown[] }): Promise<void> {
  const told = (await rawEvents(here)).map(({ event }) => event);
  expect(await faultsOfIncrements(here, told)).toEqual([]);
  const values = await Promise.all(Array.from({ length: CELLS }, (_, n) => here.client.get(cellOf(here, n))));
  expect(told).toHaveLength(values.reduce((sum, value) => sum + Number(value), 0));
  const ids = new Set(told.map(({ id }) => id));
  await until('all is heard', () => new Set(heard).size >= ids.size);
  expect(heard.filter((id) => !ids.has(id))).toEqual([]);
  expect(gaps).toEqual([]);
  expect(await readGroups(here.client, createKeys(here))).toMatchObject([{ name: 'g', lag: 0, gaps: 0, dead: 0 }]);
  expect((await allTold(here)).map(({ id }) => id).sort()).toEqual([...ids].sort());
}

async function toAndFro(cluster: Cluster, slot: number, between?: () => Promise<void>): Promise<void> {
  const from = await cluster.masterOfSlot(slot);
  const to = (await cluster.masters()).find((master) => master !== from)!;
  await cluster.moveSlot(slot, to, { batch: 1, ...(between && { between }) });
}

test(
  'slots of cells and of streams move to and fro under load, and masters are killed: each applied update is told once, and heard',
  { timeout: SECONDS * 1_000 + 300_000 },
  async () => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    const hearing = await listenThrice(here);
    const { keyed, untilMoreAreSent } = await load(here);
    await untilMoreAreSent();
    const streams = (await readStreams(here.client, createKeys(here))).map(({ slot }) => Number(slot));
    const slots = [streams[0]!, slotOf(cellOf(here, 0)), streams[1]!, slotOf(cellOf(here, 7))];
    const endsAtMs = performance.now() + SECONDS * 1_000;
    for (let move = 0; move < slots.length || performance.now() < endsAtMs; move += 1) {
      const slot = slots[move % slots.length]!;
      let isHeld = false;
      await toAndFro(cluster, slot, async () => {
        if (!isHeld) {
          isHeld = true;
          await wait(500);
        }
      });
      await untilMoreAreSent();
      if (move % slots.length === 1) {
        const victim = await cluster.masterOfSlot(slots[2]!);
        await victim.kill();
        await victim.start();
        await cluster.untilHealthy();
        await untilMoreAreSent();
      }
    }
    await keyed.stop();

    expect(await keyed.totals(here.client)).toMatchObject({
      lostAccepted: 0,
      lostApplied: 0,
      doubled: 0,
      otherOutcomes: [],
    });
    await expectAllTold(here, hearing);
    expect((await readStreams(here.client, createKeys(here))).length).toBeLessThan(12);
  },
);

test(
  'slots go to a new master under load: what stands in streams of before is heard as well',
  { timeout: 300_000 },
  async () => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    const hearing = await listenThrice(here);
    const { keyed, untilMoreAreSent } = await load(here);
    await untilMoreAreSent();
    const before = await readStreams(here.client, createKeys(here));
    const added = await cluster.addMaster();
    for (const slot of [
      ...before.map(({ slot }) => Number(slot)),
      ...[3, 30, 60, 90].map((n) => slotOf(cellOf(here, n))),
    ]) {
      await cluster.moveSlot(slot, added);
    }
    await untilMoreAreSent();
    await untilMoreAreSent();
    await keyed.stop();

    expect(await keyed.totals(here.client)).toMatchObject({
      lostAccepted: 0,
      lostApplied: 0,
      doubled: 0,
      otherOutcomes: [],
    });
    await expectAllTold(here, hearing);
    expect((await readStreams(here.client, createKeys(here))).length).toBeGreaterThan(before.length);
  },
);

test(
  'while a master is away, what others tell is heard, and after a failover the rest',
  { timeout: 300_000 },
  async () => {
    const cluster = await startCluster({ masters: 3, replicasPerMaster: 1 });
    onTestFinished(() => cluster.stop());
    const here = place(cluster.url);
    const hearing = await listenThrice(here);
    await countedWorker(here, { partitions: 4, outcomes: true });
    const keys = Array.from({ length: CELLS }, (_, n) => cellOf(here, n));
    await outcomesOf(await submit(here, keys));
    await until('the first are heard', () => hearing.heard.length >= CELLS);
    const victim = await cluster.masterOfSlot(slotOf(createKeys(here).outcomesIn(8_192)));
    await until('its replica has them', async () => {
      const said = String(await victim.run('INFO', 'replication'));
      return /^slave0:.*offset=(\d+)/m.exec(said)?.[1] === /^master_repl_offset:(\d+)/m.exec(said)?.[1];
    });
    await victim.kill();
    await outcomesOf(await submit(here, keys));
    await until('all are heard', () => new Set(hearing.heard).size >= 2 * CELLS);
    await expectAllTold(here, hearing);
  },
);
