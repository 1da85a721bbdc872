import { expect, onTestFinished, test } from 'vitest';
import { startCluster } from '../support/topology/cluster.js';
import { place } from '../support/tally.js';

const UPDATES = 20_000;
const MASTERS = 3;
const EVEN = 1 / MASTERS;

interface Spread {
  /** The part of all commands, those within scripts too, that each master ran. */
  readonly shares: readonly number[];
  /** How many masters had queues: only BullMQ runs XADD. */
  readonly mastersWithQueues: number;
}

/** How updates of random keys spread over the masters. */
async function spreadWith(partitions: number): Promise<Spread> {
  const cluster = await startCluster({ masters: MASTERS, replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  const here = place(cluster.url);
  await here.worker({ partitions });
  const producer = here.producer({ partitions });
  const masters = await cluster.masters();
  await Promise.all(masters.map((master) => master.run('CONFIG', 'RESETSTAT')));

  const updates = Array.from({ length: UPDATES }, () => ({
    operation: 'counter.increment' as const,
    params: { key: `${here.namespace}-${Math.random().toString(36).slice(2)}` },
  }));
  for (let first = 0; first < UPDATES; first += 10_000) {
    const submissions = await producer.submit(updates.slice(first, first + 10_000));
    const outcomes = await Promise.all(submissions.map((submission) => submission.outcome()));
    expect(outcomes.filter(({ status }) => status === 'applied')).toHaveLength(10_000);
  }

  const stats = await Promise.all(masters.map(async (master) => String(await master.run('INFO', 'commandstats'))));
  const calls = stats.map((text) =>
    [...text.matchAll(/:calls=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0),
  );
  const all = calls.reduce((sum, count) => sum + count, 0);
  return {
    shares: calls.map((count) => count / all),
    mastersWithQueues: stats.filter((text) => text.includes('cmdstat_xadd:')).length,
  };
}

test(
  'with 8 partitions, each master runs an even share of the commands, within 15 %',
  { timeout: 180_000 },
  async () => {
    const { shares, mastersWithQueues } = await spreadWith(8);
    expect(mastersWithQueues).toBe(MASTERS);
    for (const share of shares) {
      expect(share).toBeGreaterThan(EVEN * 0.85);
      expect(share).toBeLessThan(EVEN * 1.15);
    }
  },
);

test(
  'with one partition, the cells are spread, but one master has all of the queues',
  { timeout: 180_000 },
  async () => {
    const { shares, mastersWithQueues } = await spreadWith(1);
    expect(mastersWithQueues).toBe(1);
    expect(Math.min(...shares)).toBeGreaterThan(EVEN / 2);
  },
);
