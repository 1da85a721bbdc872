import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Producer } from '../../src/index.js';
import { longestWindowOf } from '../../src/producers/when.js';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import { SLOTS_OF_FIRST, applied, begin, commandCalls, countedWorker, keysOnFirst, LONG_LOCK } from './on-masters.js';

const WINDOW_MS = 7_200_000;
const CELLS = 40;

describe('idempotency keys beside cells in many slots of a master', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
  });
  afterAll(() => cluster.stop());

  const newProducer = (here: Place) => here.producer({ partitions: 1, idempotencyWindowMs: WINDOW_MS });
  const send = (producer: Producer, keys: readonly string[], by = 1) =>
    producer.submit(
      keys.map((key) => ({
        operation: 'counter.increment' as const,
        params: { key, by },
        idempotencyKey: `of ${key}`,
      })),
    );
  const outcomesOf = async (sent: ReturnType<typeof send>) =>
    Promise.all((await sent).map((submission) => submission.outcome({ timeoutMs: 60_000 })));
  const announcedIn = (here: Place, key: string, name: string) =>
    here.client.zscore(createKeys(here).announced(slotOf(key)), name).then(Number);

  test('are looked up by one call, which announces the window and the time in each slot before they count', async () => {
    const here = place(cluster.url);
    const keys = keysOnFirst(here, CELLS);
    const producer = newProducer(here);
    const first = await cluster.masterOfSlot(0);
    const startedMs = Date.now();
    await producer.counters.increment({ key: `${here.namespace}-other` }); // it knows the Cluster now
    await first.run('CONFIG', 'RESETSTAT');

    const submissions = await send(producer, keys); // no worker has announced anything
    expect(await commandCalls(first, 'time')).toBeLessThan(CELLS); // two for each slot otherwise
    expect(await commandCalls(first, 'mget')).toBe(0);
    for (const key of keys) {
      expect(await announcedIn(here, key, 'window-ms')).toBe(longestWindowOf(WINDOW_MS));
      expect(await announcedIn(here, key, 'clock-ms')).toBeGreaterThanOrEqual(startedMs - 1_000);
    }
    const { worker } = await countedWorker(here, LONG_LOCK);
    expect(await Promise.all(submissions.map((submission) => submission.outcome()))).toEqual(
      keys.map(() => applied(1)),
    );
    await worker.close();

    expect(await outcomesOf(send(newProducer(here), keys))).toEqual(
      keys.map(() => ({ ...applied(1), duplicate: true })),
    );
    const others = await outcomesOf(send(newProducer(here), keys, 5));
    expect(others).toMatchObject(keys.map(() => ({ status: 'conflict' })));
  });

  test('count by the later of the announced and of its own time, of each slot by itself', async () => {
    const here = place(cluster.url);
    const [ahead, now] = keysOnFirst(here, 2) as [string, string];
    const laterMs = Date.now() + 30 * 60_000;
    await here.client.zadd(createKeys(here).announced(slotOf(ahead)), laterMs, 'clock-ms');
    const stampOf = async (keys: readonly string[]) => {
      const [submission] = await send(newProducer(here), keys);
      const prefix = `${here.prefix}:{*}:counters:${submission!.jobId}`;
      const [job] = await keysOf(here, prefix);
      return (JSON.parse((await here.client.hget(job!, 'data'))!) as { sentAtMs: number }).sentAtMs;
    };

    expect(await stampOf([ahead])).toBe(laterMs);
    expect(await stampOf([ahead, now])).toBeLessThan(laterMs - 60_000); // of the two the earlier
    expect(await announcedIn(here, ahead, 'clock-ms')).toBe(laterMs);
  });

  test(
    'of other slots are found while one is half moved, also when they are looked up together',
    { timeout: 120_000 },
    async () => {
      const here = place(cluster.url);
      const [half, ...others] = keysOnFirst(here, 6) as [string, ...string[]];
      const counted = await countedWorker(here, LONG_LOCK);
      expect(await outcomesOf(send(newProducer(here), others))).toEqual(others.map(() => applied(1)));
      await counted.worker.close();
      const [from, to] = [await cluster.masterOfSlot(0), await cluster.masterOfSlot(SLOTS_OF_FIRST)];
      await begin(slotOf(half), from, to); // what is missing there may be on either side

      const producer = newProducer(here);
      const restock = {
        operation: 'inventory.restock' as const,
        params: { key: half, quantity: 1 },
        idempotencyKey: 'once',
      };
      const [known, unknown] = await Promise.allSettled([outcomesOf(send(producer, others)), producer.submit(restock)]);
      await cluster.moveSlot(slotOf(half), to);

      expect(known).toMatchObject({ value: others.map(() => ({ ...applied(1), duplicate: true })) });
      expect(unknown).toMatchObject({ status: 'rejected' });
      const isTaken = () =>
        producer.submit(restock).then(
          () => true,
          () => false,
        );
      await until('it is taken where the slot is now', isTaken);
    },
  );
});

async function keysOf(here: Place, pattern: string): Promise<string[]> {
  return (await Promise.all(here.client.masters().map((master) => master.keys(pattern)))).flat();
}
