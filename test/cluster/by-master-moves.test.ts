import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { place, until } from '../support/tally.js';
import {
  SLOTS_OF_FIRST,
  TIMING,
  applied,
  keysOnFirst,
  submit,
  outcomesOf,
  commandCalls,
  countedWorker,
  valuesOf,
  warmUp,
  untilPutOff,
  begin,
  ownCluster,
} from './on-masters.js';

test(
  'a job that ran is answered in each slot, also when they are on two masters since',
  { timeout: 120_000 },
  async () => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    const keys = keysOnFirst(here, 8);
    const unconfirmed = await countedWorker(here, { replicasToConfirm: 1 }); // there is none: applied, and tried again
    const submissions = await submit(here, keys);
    await until('it was applied', async () => (await valuesOf(here, keys)).every((value) => value === '1'));
    expect(await unconfirmed.calls('answered')).toBeGreaterThan(0);
    await unconfirmed.worker.close();
    const [first, second] = [await cluster.masterOfSlot(0), await cluster.masterOfSlot(SLOTS_OF_FIRST)];
    expect(first).not.toBe(second);
    for (const key of keys.slice(0, 4)) {
      await cluster.moveSlot(slotOf(key), second);
    }
    const late = keysOnFirst(here, 9).at(-1)!;

    const { calls } = await countedWorker(here);
    expect(await outcomesOf(submissions)).toEqual(keys.map(() => applied(1)));
    expect(await outcomesOf(await submit(here, [...keys, late]))).toEqual([...keys.map(() => applied(2)), applied(1)]);
    expect(await valuesOf(here, keys)).toEqual(keys.map(() => '2'));
    expect(await calls('answered')).toBeGreaterThan(1);
  },
);

test.each([true, false])(
  'a slot that moves holds up its own updates alone, and nothing of it is read where it has not come yet: by master %s',
  { timeout: 120_000 },
  async (callByMaster) => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    const keys = keysOnFirst(here, 8);
    await Promise.all(keys.map((key) => here.client.set(key, '100')));
    const [from, to] = [await cluster.masterOfSlot(0), await cluster.masterOfSlot(SLOTS_OF_FIRST)];
    const { calls } = await countedWorker(here, { callByMaster });
    await warmUp(here);
    const [half, ...others] = keys as [string, ...string[]]; // the call is routed by the slot of the first
    await begin(slotOf(half), from, to);

    const submissions = await submit(here, keys);
    await until('the others are applied', async () => (await valuesOf(here, others)).every((value) => value === '101'));
    await untilPutOff(here);
    const direct = new Redis(from.port);
    onTestFinished(() => {
      direct.disconnect();
    });
    expect(await direct.get(half)).toBe('100');
    expect(await calls('fell back')).toBeGreaterThan(callByMaster ? 0 : -1);
    await cluster.moveSlot(slotOf(half), to);

    expect(await outcomesOf(submissions)).toEqual(keys.map(() => applied(101)));
    expect(await valuesOf(here, keys)).toEqual(keys.map(() => '101'));
  },
);

test.each(['moves on', 'stays after all'])(
  'a half moved slot besides the first is met before anything is written, and what ran is not run again when it %s',
  { timeout: 120_000 },
  async (end) => {
    const cluster = await ownCluster();
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
    expect(await calls('fell back')).toBeGreaterThan(0);
    await untilPutOff(here);
    if (end === 'moves on') {
      await cluster.moveSlot(slotOf(half), to);
    } else {
      await Promise.all([from, to].map((node) => node.run('CLUSTER', 'SETSLOT', slotOf(half), 'STABLE')));
    }

    expect(await outcomesOf(submissions)).toEqual(keys.map(() => applied(101)));
    expect(await valuesOf(here, keys)).toEqual(keys.map(() => '101'));
    expect(await outcomesOf(await submit(here, keys))).toEqual(keys.map(() => applied(102)));
  },
);

test(
  'when all slots of a job move, it is not applied where its cells have not come yet',
  { timeout: 120_000 },
  async () => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    const keys = keysOnFirst(here, 2);
    await Promise.all(keys.map((key) => here.client.set(key, '100')));
    const [from, to] = [await cluster.masterOfSlot(0), await cluster.masterOfSlot(SLOTS_OF_FIRST)];
    await countedWorker(here);
    await warmUp(here);
    for (const key of keys) {
      await begin(slotOf(key), from, to);
    }

    const submissions = await submit(here, keys);
    await untilPutOff(here);
    for (const key of keys) {
      await cluster.moveSlot(slotOf(key), to);
    }

    expect(await outcomesOf(submissions)).toEqual(keys.map(() => applied(101)));
    expect(await valuesOf(here, keys)).toEqual(['101', '101']);
  },
);

test(
  'a call that comes after its lease, since its master stood still, is not made again for each slot',
  { timeout: 120_000 },
  async () => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    const keys = keysOnFirst(here, 40);
    const first = await cluster.masterOfSlot(0); // the queue is on another
    const { calls } = await countedWorker(here);
    const producer = here.producer({ partitions: 1 });
    const add = (by: number) =>
      producer.submit(keys.map((key) => ({ operation: 'counter.increment' as const, params: { key, by } })));
    await Promise.all((await add(1)).map((submission) => submission.outcome()));
    const before = await commandCalls(first, 'evalsha');
    process.kill(first.pid(), 'SIGSTOP');

    const submissions = await add(2);
    await wait(TIMING.lockDurationMs * 2);
    process.kill(first.pid(), 'SIGCONT');

    expect(await Promise.all(submissions.map((each) => each.outcome({ timeoutMs: 60_000 })))).toEqual(
      keys.map(() => applied(3, 2)),
    );
    expect(await calls('fell back')).toBeGreaterThan(0);
    expect((await commandCalls(first, 'evalsha')) - before).toBeLessThan(keys.length);
  },
);

test(
  'a job that runs again looks at its slots by calls for each master, not by commands for each',
  { timeout: 120_000 },
  async () => {
    const cluster = await ownCluster();
    const here = place(cluster.url);
    const keys = keysOnFirst(here, 40);
    const unconfirmed = await countedWorker(here, { replicasToConfirm: 1 }); // there is none: applied, and tried again
    const submissions = await submit(here, keys);
    await until('it was applied', async () => (await valuesOf(here, keys)).every((value) => value === '1'));
    await unconfirmed.worker.close();
    const first = await cluster.masterOfSlot(0);
    const before = await commandCalls(first, 'evalsha');
    await first.run('CONFIG', 'RESETSTAT');

    await countedWorker(here);

    expect(await outcomesOf(submissions)).toEqual(keys.map(() => applied(1)));
    expect(await valuesOf(here, keys)).toEqual(keys.map(() => '1'));
    for (const key of keys) {
      expect(Number(await here.client.zscore(createKeys(here).announced(slotOf(key)), 'clock-ms'))).toBeGreaterThan(0);
    }
    expect(before).toBeGreaterThan(0);
    expect(await commandCalls(first, 'evalsha')).toBeGreaterThan(0);
    expect(await commandCalls(first, 'time')).toBeLessThan(keys.length); // one for each slot otherwise
  },
);
