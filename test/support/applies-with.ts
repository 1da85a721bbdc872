import { expect } from 'vitest';
import type { RedisTarget } from '../../src/redis/target.js';
import { place } from './tally.js';

/** The first connection waits for as long as a blocking read; a machine that runs all tests at once is slow. */
const WITHIN_MS = 60_000;

/** Makes sure that a worker and a producer with each of these targets apply an update in time. */
export async function expectAllApply(redis: string, targets: ReadonlyMap<string, RedisTarget>): Promise<void> {
  const here = place(redis);
  const applying = [...targets].map(async ([name, target]) => {
    // Each has queues of its own, so that no other worker does its work.
    const names = { redis: target, prefix: `${here.prefix}-${name}`, namespace: `${here.namespace}-${name}` };
    const layout = here.client.isCluster ? { partitions: 1 } : {}; // each partition has connections of its own
    const worker = here.worker({ ...names, ...layout, queues: ['counters'], closeTimeoutMs: 1_000 });
    const submission = await here.producer({ ...names, ...layout, submitTimeoutMs: WITHIN_MS }).counters.increment({
      key: here.key(name),
    });
    const { status } = await submission.outcome({ timeoutMs: WITHIN_MS });
    await worker;
    return `${name}: ${status}`;
  });
  const settled = await Promise.allSettled(applying);
  const told = settled.map((it, at) =>
    it.status === 'fulfilled' ? it.value : `${[...targets.keys()][at]}: ${String(it.reason)}`,
  );
  expect(told).toEqual([...targets.keys()].map((name) => `${name}: applied`));
}
