import { describe, expect, onTestFinished, test } from 'vitest';
import { slotOf } from '../../src/redis/slots.js';
import { otherServers } from '../support/other-servers.js';
import { place, until } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import {
  LONG_LOCK,
  SLOTS_OF_FIRST,
  applied,
  begin,
  countedWorker,
  keysOnFirst,
  outcomesOf,
  submit,
  untilPutOff,
  valuesOf,
  warmUp,
} from './on-masters.js';

test.skipIf(otherServers().length > 0)(
  'no other servers are installed: `npm run test:servers` does it',
  () => undefined,
);

/** A newer Redis and a Valkey, as far as they are here: they put the refusal of keys that moved in words of their own. */
describe.each(otherServers())('on a Cluster of $name', ({ program }) => {
  async function clusterOf(): Promise<Cluster> {
    const cluster = await startCluster({ masters: 3, replicasPerMaster: 0, program });
    onTestFinished(() => cluster.stop());
    return cluster;
  }

  test('a job is one call for each master', { timeout: 120_000 }, async () => {
    const cluster = await clusterOf();
    const here = place(cluster.url);
    const { calls } = await countedWorker(here, LONG_LOCK);
    const keys = Array.from({ length: 60 }, (_, n) => `${here.namespace}-${n}`);

    expect(await outcomesOf(await submit(here, keys))).toEqual(keys.map(() => applied(1)));
    expect([await calls('answered'), await calls('fell back')]).toEqual([3, 0]);
  });

  test('a slot that is half moved holds up its own updates alone', { timeout: 120_000 }, async () => {
    const cluster = await clusterOf();
    const here = place(cluster.url);
    const keys = keysOnFirst(here, 6);
    await Promise.all(keys.map((key) => here.client.set(key, '100')));
    const [from, to] = [await cluster.masterOfSlot(0), await cluster.masterOfSlot(SLOTS_OF_FIRST)];
    const { calls } = await countedWorker(here);
    await warmUp(here);
    const half = keys.at(-1)!;
    await begin(slotOf(half), from, to);

    const submissions = await submit(here, keys);
    const others = keys.slice(0, -1);
    await until('the others are applied', async () => (await valuesOf(here, others)).every((value) => value === '101'));
    await untilPutOff(here);
    expect(await calls('fell back')).toBeGreaterThan(0);
    await cluster.moveSlot(slotOf(half), to);

    expect(await outcomesOf(submissions)).toEqual(keys.map(() => applied(101)));
    expect(await valuesOf(here, keys)).toEqual(keys.map(() => '101'));
  });
});
