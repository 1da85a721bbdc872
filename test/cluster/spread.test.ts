import { expect, onTestFinished, test } from 'vitest';
import { startCluster } from '../support/topology/cluster.js';
import { place } from '../support/tally.js';

const UPDATES = 100_000;
const MASTERS = 3;
const EVEN = 1 / MASTERS;

/** The part of all commands, those within scripts too, that each master runs for updates of random keys. */
async function sharesWith(partitions: number): Promise<number[]> {
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

  const calls = await Promise.all(
    masters.map(async (master) => {
      const stats = String(await master.run('INFO', 'commandstats'));
      return [...stats.matchAll(/:calls=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    }),
  );
  const all = calls.reduce((sum, count) => sum + count, 0);
  return calls.map((count) => count / all);
}

test(
  'with 8 partitions, each master runs an even share of the commands, within 15 %',
  { timeout: 180_000 },
  async () => {
    for (const share of await sharesWith(8)) {
      expect(share).toBeGreaterThan(EVEN * 0.85);
      expect(share).toBeLessThan(EVEN * 1.15);
    }
  },
);

test(
  'with one partition, the cells are spread, but one master has all of the queues',
  { timeout: 180_000 },
  async () => {
    const shares = await sharesWith(1);
    expect(Math.max(...shares)).toBeGreaterThan(EVEN);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
  },
);
