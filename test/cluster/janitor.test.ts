import { expect, onTestFinished, test } from 'vitest';
import { retireScript } from '../../src/bullmq/scripts.js';
import { openQueue } from '../../src/jobs/queues.js';
import { openStore } from '../../src/layout/store.js';
import { toMs } from '../../src/redis/server-time.js';
import { slotOf } from '../../src/redis/slots.js';
import { ScriptRunner } from '../../src/redis/scripts.js';
import { Janitor } from '../../src/workers/janitor.js';
import { kill, ownCluster } from '../support/dashboard-unreachable.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { countedWorker } from './on-masters.js';

const HOUR_MS = 3_600_000;
const KEEP_MS = 24 * HOUR_MS;
const PARTITIONS = 6;

/** One of all partitions, over a connection as a worker has it, that cleans only when told. */
async function janitorOf(here: Place): Promise<Janitor> {
  const store = openStore({ ...here, partitions: PARTITIONS, connectionName: 'janitor' });
  const { redis, clock, logger, layouts } = store;
  await clock.sample();
  const { all } = partitionsOf(layouts);
  const retire = retireScript();
  const janitor = new Janitor(
    all.map(({ prefix }) => openQueue('counters', prefix, redis, logger)),
    {
      redis,
      clock,
      scripts: new ScriptRunner(redis, [retire]),
      retire,
      logger,
      keepOutcomes: { ms: KEEP_MS, updates: 1_000_000 },
      partitions: () => Promise.resolve(all),
    },
  );
  onTestFinished(() => {
    janitor.close();
    store.close();
  });
  return janitor;
}

const partitionsOf = ({ configured }: { configured: Place['layout'] }) => ({ all: configured.shareOf(1, 1) });

/** Completed jobs in every partition, an hour older than they are to be kept; the sets in which BullMQ has them. */
async function oldJobs(here: Place): Promise<string[]> {
  const { worker } = await countedWorker(here, { queues: ['counters'], partitions: PARTITIONS });
  const keys = Array.from({ length: 120 }, (_, number) => here.scattered(`${number}`));
  const updates = keys.map((key) => ({ operation: 'counter.increment' as const, params: { key } }));
  const submissions = await here.producer({ partitions: PARTITIONS, maxBatch: 1 }).submit(updates);
  await Promise.all(submissions.map((submission) => submission.outcome({ timeoutMs: 60_000 })));
  await worker.close();
  const completed = await keysLike(here, `${here.prefix}:*:completed`);
  expect(completed).toHaveLength(PARTITIONS);
  const endedMs = toMs(await here.client.time()) - KEEP_MS - HOUR_MS;
  for (const set of completed) {
    for (const id of await here.client.zrange(set, '0', '-1')) {
      await here.client.zadd(set, endedMs + 0.5, id);
    }
  }
  return completed;
}

const countsOf = (here: Place, sets: readonly string[]) => Promise.all(sets.map((set) => here.client.zcard(set)));

test('old jobs are removed in every partition, on whatever master', async () => {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  const completed = await oldJobs(here);
  expect(new Set(await Promise.all(completed.map((set) => cluster.masterOfSlot(slotOf(set))))).size).toBe(3);

  await (await janitorOf(here)).clean();

  expect(await countsOf(here, completed)).toEqual(completed.map(() => 0));
});

test('while a master is away, old jobs on the others are removed all the same', { timeout: 240_000 }, async () => {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  const completed = await oldJobs(here);
  const janitor = await janitorOf(here);
  const away = await cluster.masterOfSlot(slotOf(completed[0]!));
  const masters = await Promise.all(completed.map((set) => cluster.masterOfSlot(slotOf(set))));
  const [there, lost] = [true, false].map((isThere) =>
    completed.filter((_, index) => (masters[index] !== away) === isThere),
  ) as [string[], string[]];
  await kill(cluster, away);

  await janitor.clean();

  expect(await countsOf(here, there)).toEqual(there.map(() => 0));
  await away.start();
  await cluster.untilHealthy();
  await until('those on the one that was away are removed, too', async () => {
    await janitor.clean();
    return (await countsOf(here, lost)).every((count) => count === 0);
  });
});
