import { expect, onTestFinished, test } from 'vitest';
import { Partitions } from '../../src/layout/partitions.js';
import { slotOf } from '../../src/redis/slots.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const SETTLED_MS = 600_000;
const DAY_MS = 24 * 3600 * 1000;

async function ownCluster(): Promise<Cluster> {
  const cluster = await startCluster({ masters: 3, replicasPerMaster: 1 });
  onTestFinished(() => cluster.stop());
  return cluster;
}

async function receiptLivesMs(here: Place): Promise<number[]> {
  const receipts = await keysLike(here, `${here.namespace}:*:job:*`);
  return Promise.all(receipts.map((receipt) => here.client.pttl(receipt)));
}

/** A job with updates in four slots, completed and marked. */
async function settledJob(here: Place): Promise<void> {
  const keys = ['a', 'b', 'c', 'd'].map((name) => `${here.namespace}-${name}`);
  expect(new Set(keys.map(slotOf)).size).toBe(4);
  const submissions = await here
    .producer({ partitions: 1 })
    .submit(keys.map((key) => ({ operation: 'counter.increment' as const, params: { key } })));
  await Promise.all(submissions.map((submission) => submission.outcome()));
  const jobHash = `${prefixOf(here)}:counters:${submissions[0]!.jobId}`;
  await until('the job is marked', async () => (await here.client.hexists(jobHash, 'progress')) === 1);
  expect(await receiptLivesMs(here)).toHaveLength(4);
}

function prefixOf(here: Place): string {
  return new Partitions(here.prefix, 1).all[0].prefix;
}

test('the receipts of a job are cut in all slots once its mark is on a replica', async () => {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  await here.worker({ settledReceiptMs: SETTLED_MS });

  await settledJob(here);

  expect(Math.min(...(await receiptLivesMs(here)))).toBeGreaterThan(DAY_MS);
  await until('all are cut', async () => (await receiptLivesMs(here)).every((lifeMs) => lifeMs <= SETTLED_MS));
});

test('while no replica has the mark of a job, its receipts are kept for a day', async () => {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  await here.worker({ settledReceiptMs: SETTLED_MS });
  const master = await cluster.masterOfSlot(slotOf(prefixOf(here)));
  const [replica] = await cluster.replicasOf(master);
  process.kill(replica!.pid(), 'SIGSTOP');

  await settledJob(here);

  await until('all are cut', async () => (await receiptLivesMs(here)).every((lifeMs) => lifeMs <= DAY_MS));
  expect(Math.min(...(await receiptLivesMs(here)))).toBeGreaterThan(DAY_MS - 60_000);
});
