import { expect, onTestFinished, test } from 'vitest';
import type { Producer, Submission } from '../../src/index.js';
import { slotOf } from '../../src/redis/slots.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import type { Cluster } from '../support/topology/cluster.js';
import type { ClusterNode } from '../support/topology/cluster-node.js';
import { applied, begin, keysOnFirst, ownCluster, SLOTS_OF_FIRST, TIMING } from './on-masters.js';

interface Moving {
  readonly cluster: Cluster;
  readonly here: Place;
  readonly key: string;
  readonly slot: number;
  readonly from: ClusterNode;
  readonly to: ClusterNode;
}

async function aboutToMove(): Promise<Moving> {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  const [key = ''] = keysOnFirst(here, 1);
  const [from, to] = [await cluster.masterOfSlot(0), await cluster.masterOfSlot(SLOTS_OF_FIRST)];
  return { cluster, here, key, slot: slotOf(key), from, to };
}

const submit = (producer: Producer, key: string, idempotencyKey: string) =>
  producer.counters.increment({ key }, { idempotencyKey });

test('a keyed update is taken at once when its slot has moved since the last one', { timeout: 120_000 }, async () => {
  const { cluster, here, key, slot, to } = await aboutToMove();
  const producer = here.producer({ partitions: 1, submitTimeoutMs: 30_000 });
  const first = await submit(producer, key, 'first'); // it has announced its window, and knows the master
  await cluster.moveSlot(slot, to);

  const second = await submit(producer, key, 'second');
  expect((await submit(producer, key, 'second')).jobId).toBeDefined();
  await here.worker(TIMING);
  expect(await first.outcome({ timeoutMs: 60_000 })).toEqual(applied(1));
  expect(await second.outcome({ timeoutMs: 60_000 })).toEqual(applied(2));
  expect((await submit(producer, key, 'second')).isRepeat).toBe(true);
  expect(await here.client.get(key)).toBe('2');
});

test('a keyed update waits while its slot is half moved', { timeout: 120_000 }, async () => {
  const { cluster, here, key, slot, from, to } = await aboutToMove();
  const producer = here.producer({ partitions: 1, submitTimeoutMs: 60_000 });
  await submit(producer, key, 'first');
  await begin(slot, from, to);

  const second = submit(producer, key, 'second'); // whether it is known could be on either side
  const soon = new Promise((resolve) => setTimeout(resolve, 500, 'waits'));
  expect(await Promise.race([soon, second])).toBe('waits');
  await cluster.moveSlot(slot, to);
  expect((await second).isRepeat).toBe(false);
});

test('a keyed update whose slot stays half moved is refused in the words of Redis', { timeout: 120_000 }, async () => {
  const { here, key, slot, from, to } = await aboutToMove();
  const producer = here.producer({ partitions: 1, submitTimeoutMs: 4_000 });
  await submit(producer, key, 'first');
  await begin(slot, from, to);
  onTestFinished(async () => {
    await Promise.all([from, to].map((node) => node.run('CLUSTER', 'SETSLOT', slot, 'STABLE')));
  });

  await expect(submit(producer, key, 'second')).rejects.toMatchObject({
    code: 'REDIS_REFUSED',
    message: expect.stringMatching(/ASK \d+/) as string,
  });
});

test(
  'beside one whose slot stays half moved, keyed updates of other slots are taken, and so is what gathers behind them',
  { timeout: 120_000 },
  async () => {
    const { here, slot, key, from, to } = await aboutToMove();
    const others = keysOnFirst(here, 5).filter((other) => other !== key);
    const producer = here.producer({ partitions: 1, submitTimeoutMs: 4_000 });
    await submit(producer, key, 'first');
    await begin(slot, from, to);
    onTestFinished(async () => {
      await Promise.all([from, to].map((node) => node.run('CLUSTER', 'SETSLOT', slot, 'STABLE')));
    });

    const together = Promise.allSettled([key, ...others].map((each) => submit(producer, each, 'second')));
    const behind = new Promise(setImmediate)
      .then(() => new Promise(setImmediate))
      .then(() => producer.counters.increment({ key: others[0]! }));
    const [refused, ...taken] = await together;
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'REDIS_REFUSED', accepted: 'none' } });
    expect(taken).toMatchObject(others.map(() => ({ status: 'fulfilled', value: { isRepeat: false } })));
    expect(await behind).toMatchObject({ isRepeat: false });
    await here.worker(TIMING);
    const outcomes = taken.map((each) =>
      (each as PromiseFulfilledResult<Submission>).value.outcome({ timeoutMs: 60_000 }),
    );
    expect(await Promise.all(outcomes)).toMatchObject(others.map(() => ({ status: 'applied' })));
  },
);
