import { Redis } from 'ioredis';
import { requireTotal } from './workload.js';
import { WAITING_LIST } from './backlog-role.js';
import type { BacklogCost, BacklogFound } from './backlog-role.js';
import type { Report } from '../progress.js';
import { startRole } from './roles.js';
import { median } from './throughput.js';

/** What an update costs while this many wait; medians over the rounds. */
export interface Backlog extends BacklogCost {
  readonly waiting: number;
  /** Updates in one job. */
  readonly maxBatch: number;
  /** `totalMicros` as a multiple of that with the fewest waiting. Of runs in the same round, as the machine's speed changes. */
  readonly ratio: number;
}

interface Case {
  readonly waiting: number;
  readonly maxBatch: number;
  /** Jobs under way at a time, beside those that wait. */
  readonly concurrency: number;
  /** Updates to measure: the same for all with this `maxBatch`. */
  readonly updates: number;
}

const BATCHED = { maxBatch: 256, concurrency: 4, updates: 200_000 };
/** A waiting job of one update takes a kilobyte, and a million of them minutes to add. */
const SINGLE = { maxBatch: 1, concurrency: 50, updates: 6_000 };
const CASES: readonly Case[] = [
  { waiting: 1_000, ...BATCHED },
  { waiting: 1_000_000, ...BATCHED },
  { waiting: 1_000, ...SINGLE },
  { waiting: 100_000, ...SINGLE },
];
const ROUNDS = 3;
/** No further round begins later: on a busy machine two have to do, and all ends within a minute and a half. */
const LAST_START_MS = 50_000;
const KEYS = 10_000;

/**
 * Measures what an update costs while few and while many others wait, in turn, round by round.
 *
 * @throws Error when a total is wrong
 */
export async function measureBacklog(redisUrl: string, { report }: { report: Report }): Promise<Backlog[]> {
  const redis = new Redis(redisUrl);
  const costs = CASES.map((): BacklogCost[] => []);
  try {
    const startedAt = performance.now();
    for (let round = 1; round <= ROUNDS && performance.now() - startedAt < LAST_START_MS; round += 1) {
      for (const [index, it] of CASES.entries()) {
        report(`backlog, round ${round} of ${ROUNDS}: ${it.waiting} waiting, ${it.maxBatch} in a job`);
        costs[index]?.push(await runOnce(redisUrl, redis, it));
      }
    }
    await redis.flushall();
  } finally {
    redis.disconnect();
  }
  return CASES.map(({ waiting, maxBatch }, index) => {
    const those = costs[index] ?? [];
    const fewest = costs[CASES.findIndex((it) => it.maxBatch === maxBatch)] ?? [];
    const ratios = those.map(({ totalMicros }, round) => totalMicros / (fewest[round]?.totalMicros ?? Number.NaN));
    return { waiting, maxBatch, ...medianOf(those), ratio: median(ratios) };
  });
}

async function runOnce(redisUrl: string, redis: Redis, { updates, ...it }: Case): Promise<BacklogCost> {
  await redis.flushall();
  const role = await startRole({ role: 'tally-backlog', ...it, redisUrl, updates, keys: KEYS });
  const { submitted, ...cost } = (await role.work()).found as BacklogFound;
  await role.stop();
  const left = (await redis.llen(WAITING_LIST)) * it.maxBatch;
  await requireTotal(redis, { keys: KEYS, maxBy: 1 }, submitted - left, 'tally with a backlog');
  return cost;
}

function medianOf(costs: readonly BacklogCost[]): BacklogCost {
  return {
    addMicros: median(costs.map((it) => it.addMicros)),
    totalMicros: median(costs.map((it) => it.totalMicros)),
    perSecond: Math.round(median(costs.map((it) => it.perSecond))),
  };
}
