import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/index.js';
import type { QueueReport } from '../../src/metrics/queue-report.js';
import { tally } from '../support/command.js';
import { startApi } from '../support/http-api.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const updates = (count: number, operation: 'counter.increment' | 'inventory.restock', key: string) =>
  Array.from({ length: count }, () =>
    operation === 'counter.increment'
      ? ({ operation, params: { key } } as const)
      : ({ operation, params: { key, quantity: 1 } } as const),
  );

/**
 * `counters`: 100 updates applied within the last minute, and 300 that wait in three jobs, the oldest for ten minutes.
 * `inventory`: one failed job, of 500 seconds ago, and 40 updates that wait; none was completed.
 */
async function leaveBacklog(here: Place): Promise<void> {
  const { client, partition } = here;
  const producer = here.producer({ maxBatch: 100 });
  const worker = await here.worker({ queues: ['counters', 'inventory'] });
  const [applied] = await producer.submit(updates(100, 'counter.increment', here.key('n')));
  await client.rpush(here.key('wrong'), 'not a number');
  const [failed] = await producer.submit(updates(1, 'inventory.restock', here.key('wrong')));
  await Promise.all([applied!.outcome(), failed!.outcome()]);
  await worker.close();
  const queue = (name: string) => `${partition.prefix}:${name}`;
  await client.zincrby(`${queue('inventory')}:failed`, -500_000, failed!.jobId);
  // Else a busy machine might take the minute within which it counts.
  await client.zincrby(`${queue('counters')}:completed`, 3_600_000, applied!.jobId);
  const [oldest] = await producer.submit(updates(100, 'counter.increment', here.key('n')));
  await producer.submit(updates(100, 'counter.increment', here.key('n')));
  await producer.submit(updates(100, 'counter.increment', here.key('n')));
  await client.hset(`${queue('counters')}:${oldest!.jobId}`, 'timestamp', Date.now() - 600_000);
  await producer.submit(updates(40, 'inventory.restock', here.key('n')));
}

test('what waits, for how long, until when, and what failed is the same by API, command and metrics', async () => {
  const here = place();
  await leaveBacklog(here);

  const { get } = await startApi(here);
  const environment = { REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const byApi = (await get<{ queues: QueueReport[] }>('/v1/queues')).body.queues;
  const byCommand = (JSON.parse((await tally(environment, 'queues', '--json')).stdout) as { queues: QueueReport[] })
    .queues;
  for (const queues of [byApi, byCommand]) {
    const [counters, inventory] = ['counters', 'inventory'].map((name) => queues.find(({ queue }) => queue === name)!);
    expect(counters).toMatchObject({
      updatesWaiting: 300,
      jobs: { waiting: 3, active: 0, delayed: 0, failed: 0 },
      updatesPerSecond: 1.667,
      drainSeconds: 180,
      oldestFailedSeconds: 0,
      failedFor: [],
      paused: false,
      workers: 0,
    });
    expectAge(counters!.oldestWaitingSeconds, 600);
    expect(inventory).toMatchObject({
      updatesWaiting: 40,
      updatesPerSecond: 0,
      drainSeconds: null,
      jobs: { failed: 1 },
      failedFor: [{ jobs: 1 }],
    });
    expectAge(inventory!.oldestWaitingSeconds, 0);
    expectAge(inventory!.oldestFailedSeconds, 500);
  }

  const lines = (await tally(environment, 'queues')).stdout.split('\n');
  expect(lines.find((line) => line.startsWith('counters: '))).toMatch(
    /^counters: 300 updates wait in 3 jobs, the oldest for 6\d\d(\.\d)? s, 1\.7 a second, done in 180 s, 0 workers$/,
  );
  expect(lines.find((line) => line.startsWith('inventory: '))).toMatch(
    /^inventory: 40 updates wait in 1 jobs, the oldest for [\d.]+ s, 0 a second, done in \? s, 0 workers, 1 failed jobs, the first 5\d\d(\.\d)? s ago \(1 .+\)$/,
  );

  const { gauge } = await gaugesOf(here);
  expect(gauge('updates_waiting', 'counters')).toBe(300);
  expect(gauge('queue_drain_seconds', 'counters')).toBeCloseTo(180, 3);
  expectAge(gauge('oldest_waiting_job_age_seconds', 'counters'), 600);
  expect(gauge('updates_waiting', 'inventory')).toBe(40);
  expect(gauge('queue_drain_seconds', 'inventory')).toBeUndefined();
  expectAge(gauge('oldest_failed_job_age_seconds', 'inventory'), 500);
});

/** At least so old, and no older than a busy machine makes it. */
function expectAge(seconds: number | null | undefined, atLeast: number): void {
  expect(seconds).toBeGreaterThanOrEqual(atLeast);
  expect(seconds).toBeLessThan(atLeast + 90);
}

/** One scrape that has all. */
async function gaugesOf({ redis, namespace, prefix, logger }: Place) {
  const metrics = createMetrics({ redis, namespace, prefix, logger });
  onTestFinished(() => metrics.close());
  let text = '';
  await until('Redis was read', async () => (text = await metrics.text()).includes('tally_redis_up 1'));
  const gauge = (name: string, queue: string) => {
    const value = new RegExp(`^tally_${name}\\{queue="${queue}"\\} (\\S+)$`, 'm').exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  return { gauge };
}
