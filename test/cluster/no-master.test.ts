import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/layout/store.js';
import { AnnouncedClock } from '../../src/redis/announced.js';
import { CrossSlotScripts } from '../../src/redis/cross-slot-scripts.js';
import { slotOf } from '../../src/redis/slots.js';
import { isClusterInMotion } from '../../src/workers/failures.js';
import { announceNow } from '../../src/workers/late-requests.js';
import type { JobGroups } from '../../src/workers/script-call.js';
import { place, until } from '../support/tally.js';
import { ownCluster } from './on-masters.js';

/**
 * An attempt whose connection was lost compares its lease with Redis' time. Were that taken for 0 while the map names a master
 * that is gone, the job would fail for good with words of a clock that was set back, and its update be lost.
 */
test('while no master of a slot is known, its time is not either, and the attempt is made again', async () => {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  const store = openStore({ ...here, connectionName: 'attempt' });
  onTestFinished(() => {
    store.close();
  });
  const { redis, keys } = store;
  const deps = {
    redis,
    keys,
    crossSlot: new CrossSlotScripts(redis),
    announcedClock: new AnnouncedClock({ redis, keys }),
  };
  const slot = slotOf(here.key('cell'));
  const groups = [{ slot }] as unknown as JobGroups;
  await redis.get(here.key('cell')); // over the connection to its master, which is to be lost
  const master = redis.masterOf(slot)!;
  const asked = new Promise<unknown>((resolve) => {
    redis.on('-node', (gone) => {
      if (gone === master) {
        resolve(announceNow(groups, deps).catch(String));
      }
    });
  });
  const victim = await cluster.masterOfSlot(slot);

  await victim.kill();
  await victim.start();
  await cluster.untilHealthy();

  expect(await asked).toMatch(/^NoMasterError: slot \d+ has no master/);
  await until('its time is known again', async () => {
    const times = await announceNow(groups, deps).catch((error: unknown) => {
      expect(isClusterInMotion(error)).toBe(true);
      return [0];
    });
    return times[0]! > 0;
  });
});
