import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import { ownsSlot, viewOf } from '../support/topology/cluster-view.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { KeyedLoad } from './keyed-load.js';

const CELLS = 300;
const CALLERS = 50;

/** Locks short enough for a test: jobs of a dead worker, or that a failover forgot, run again soon. */
const QUICK = { lockDurationMs: 2_000, stalledIntervalMs: 500 };

async function ownCluster(): Promise<Cluster> {
  const cluster = await startCluster({ masters: 3, replicasPerMaster: 1 });
  onTestFinished(() => cluster.stop());
  return cluster;
}

/** Cells in many slots, over all masters. */
function loadOn(here: Place, replicasToConfirm: number): KeyedLoad {
  const producer = here.producer({ replicasToConfirm });
  return new KeyedLoad(producer, (number) => `{${number % 30}-${here.key('c')}}:${(number * 7) % CELLS}`, CALLERS);
}

async function untilMoreAreSent(load: KeyedLoad, more: number): Promise<void> {
  const goal = load.sent + more;
  await until(`${more} more updates are sent`, () => load.sent >= goal, 60_000);
}

/** How long a replica hears nothing before its master dies: less than the Cluster takes to give it up. */
const BEHIND_MS = 1_000;

/** What is told as applied by a master that its replica can't have heard of. */
const UNHEARD = 10;

/**
 * Kills two masters, one after the other, each when its replica is behind, with load before, during and after it.
 *
 * @param untilBehind waits until the replica of a master that owns some slots is behind
 */
async function failOverTwice(
  cluster: Cluster,
  load: KeyedLoad,
  untilBehind: (isOfVictim: (slot: number) => boolean) => Promise<void>,
): Promise<void> {
  for (const place of [0, 1]) {
    await untilMoreAreSent(load, 1_000);
    const [first, second] = await cluster.masters();
    const victim = place === 0 ? first! : second!;
    const [replica] = await cluster.replicasOf(victim);
    const ofVictim = (await viewOf(victim)).find(({ id }) => id === victim.id)!;
    process.kill(replica!.pid(), 'SIGSTOP');
    // What waits in the socket would reach the replica when it goes on, and be nothing lost.
    await victim.run('CLIENT', 'KILL', 'TYPE', 'replica');
    await untilBehind((slot) => ownsSlot(ofVictim, slot));
    await victim.kill();
    process.kill(replica!.pid(), 'SIGCONT');
    await cluster.untilHealthy();
    await victim.start();
    await cluster.untilHealthy();
    await untilMoreAreSent(load, 1_000);
  }
}

/** Also those that were idle all the while, in every partition. */
async function expectEveryQueueServed(here: Place): Promise<void> {
  const { counters, inventory, xp, scores } = here.producer();
  const keys = Array.from({ length: 64 }, (_, number) => here.scattered(`last-${number}`));
  const submissions = await Promise.all(
    keys.flatMap((key) => [
      counters.increment({ key: `${key}-counter` }),
      inventory.restock({ key: `${key}-stock`, quantity: 1 }),
      xp.award({ key: `${key}-xp`, amount: 1 }),
      scores.add({ entries: [{ key: `${key}-score`, by: 1 }] }),
    ]),
  );
  const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['applied']));
}

/** Why jobs failed. */
async function failures(here: Place): Promise<(string | null)[]> {
  const lists = await keysLike(here, `${here.prefix}:*:failed`);
  const reasons = lists.map(async (list) => {
    const jobs = await here.client.zrange(list, '0', '-1');
    return Promise.all(jobs.map((id) => here.client.hget(list.replace(/failed$/, id), 'failedReason')));
  });
  return (await Promise.all(reasons)).flat();
}

test(
  'killed masters lose what their replicas had not heard of, double nothing, and work goes on',
  { timeout: 240_000 },
  async () => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    await here.worker(QUICK);
    const load = loadOn(here, 0);

    await failOverTwice(cluster, load, async (isOfVictim) => {
      const applied = load.appliedFromNowOn(({ key }) => isOfVictim(slotOf(key)));
      await until('some are told as applied that no replica knows', () => applied() >= UNHEARD);
    });
    await load.stop();

    const totals = await load.totals(here.client);
    expect(totals.doubled).toBe(0);
    expect(totals.lostApplied).toBeGreaterThan(0);
    expect(totals.lostApplied).toBeLessThan(totals.sent / 2);
    expect(await failures(here)).toEqual([]);
    await expectEveryQueueServed(here);
  },
);

test(
  'with replicasToConfirm 1, nothing that was accepted or reported as applied is lost with a master',
  { timeout: 240_000 },
  async () => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    await here.worker({ ...QUICK, replicasToConfirm: 1 });
    await here.worker({ ...QUICK, replicasToConfirm: 1 });
    const load = loadOn(here, 1);

    await failOverTwice(cluster, load, () => wait(BEHIND_MS)); // nothing of the victim is told as applied meanwhile
    await load.stop();
    await until(
      'every accepted update has taken effect',
      async () => (await load.totals(here.client)).lostAccepted === 0,
    );

    const totals = await load.totals(here.client);
    expect(totals).toMatchObject({ lostAccepted: 0, lostApplied: 0, doubled: 0 });
    expect(totals.applied).toBe(totals.sent);
    expect(await failures(here)).toEqual([]);
  },
);

test.each(['partitionCounts', 'queuesNamespace'] as const)(
  'a worker starts while the master that knows the %s is down, and serves all once another takes over',
  async (key) => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    const producer = here.producer({ partitions: 3 });
    await producer.counters.increment({ key: here.key('before') }); // so that there is more than the worker's own number
    const victim = await cluster.masterOfSlot(slotOf(createKeys(here)[key]));
    await victim.kill();

    await here.worker({ ...QUICK, partitions: 8 });
    await cluster.untilHealthy();

    const submission = await producer.counters.increment({ key: here.key('after') });
    expect(await submission.outcome()).toMatchObject({ status: 'applied' });
    await expectEveryQueueServed(here);
    await victim.start();
    await cluster.untilHealthy();
  },
);
