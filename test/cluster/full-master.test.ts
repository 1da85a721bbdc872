import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/layout/store.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { createRegistry } from '../../src/operations/registry.js';
import type { ClusterConnection } from '../../src/redis/cluster-connection.js';
import { crossSlotScript } from '../../src/redis/cross-slot-scripts.js';
import { createKeys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { StreamChoice } from '../../src/workers/stream-choice.js';
import { afterApplying } from '../support/after-applying.js';
import { ended, openQueue } from '../support/queues.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import type { ClusterNode } from '../support/topology/cluster-node.js';
import { rawEvents } from './told-streams.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
});
afterAll(() => cluster.stop());

/** @returns what ends it; the end of the test does as well */
async function fill(master: ClusterNode): Promise<() => Promise<unknown>> {
  const empty = () => master.run('CONFIG', 'SET', 'maxmemory', '0');
  onTestFinished(async () => {
    await empty();
  });
  await master.run('CONFIG', 'SET', 'maxmemory', '1mb');
  return empty;
}

/** A master that has neither the queues of this place nor the list of streams. */
async function otherMaster(here: Place): Promise<ClusterNode> {
  const inUse = [here.partition.slot, slotOf(createKeys(here).outcomeStreams)];
  const taken = await Promise.all(inUse.map((slot) => cluster.masterOfSlot(slot)));
  return (await cluster.masters()).find((master) => !taken.includes(master))!;
}

async function keyOn(here: Place, master: ClusterNode): Promise<string> {
  for (let n = 0; ; n += 1) {
    const key = `${here.namespace}-${n}`;
    if ((await cluster.masterOfSlot(slotOf(key))) === master) {
      return key;
    }
  }
}

test('of a job that fails since one master is full, what the others have applied is told as applied, once', async () => {
  const here = place(cluster.url);
  const full = await otherMaster(here);
  const others = (await cluster.masters()).filter((master) => master !== full);
  const keys = await Promise.all([...others, full].map((master) => keyOn(here, master)));
  const queue = openQueue(here);
  const updates = keys.map((key) => ({ key }));
  await queue.add('counter.increment', { updates }, { jobId: 'j', attempts: 1 });
  const empty = await fill(full);

  await here.worker({ outcomes: true });
  await until('it was tried again', async () => ((await queue.getJob('j'))?.attemptsStarted ?? 0) > 3);
  const told = async () => (await rawEvents(here)).map(({ event }) => `${event.subject!} ${event.data.status}`).sort();
  const applied = (some: readonly string[]) => some.map((key) => `${key} applied`).sort();
  expect(await told()).toEqual(applied(keys.slice(0, -1)));
  await queue.pause(); // else an attempt that was refused could tell its end by then
  await until('no attempt goes on', async () => (await queue.getActiveCount()) === 0);
  await empty();
  await queue.resume();
  await until('the last one is told', async () => (await told()).length === keys.length);
  expect(await told()).toEqual(applied(keys));
});

test('a job that an earlier attempt has applied is told as applied, although its master is full by now', async () => {
  const here = place(cluster.url);
  const full = await otherMaster(here);
  const key = await keyOn(here, full);
  const queue = openQueue(here);
  const { id } = await queue.add('counter.increment', { updates: [{ key, by: 7 }] }, { attempts: 2, backoff: 10 });
  afterApplying(
    async () => {
      await fill(full);
      throw new Error('the answer is lost');
    },
    crossSlotScript(applyScript(createRegistry())).sha,
    Redis,
  );

  await here.worker({ outcomes: true });
  const job = await ended(queue, id!);
  expect(job.returnvalue, job.failedReason).toMatch(/ 7$/);
});

test('where outcomes were told before, they can be told while the master of the list of streams is full', async () => {
  const here = place(cluster.url);
  const { redis, namespace, prefix, logger } = here;
  const open = async () => {
    const store = openStore({ redis, namespace, prefix, logger, connectionName: 'test-streams', timeoutMs: 5_000 });
    onTestFinished(() => {
      store.close();
    });
    await store.redis.ping(); // by now it knows the masters
    return new StreamChoice({ ...store, redis: store.redis as ClusterConnection });
  };
  const [known, other] = [0, 6_000];
  const { key } = await (await open()).forSlot(known);
  await fill(await cluster.masterOfSlot(slotOf(createKeys(here).outcomeStreams)));

  expect((await (await open()).forSlot(known)).key).toBe(key);
  await expect((await open()).forSlot(other)).rejects.toThrow('OOM'); // nobody would look for it
});
