import { Redis } from 'ioredis';
import { requireTotal } from './contender.js';
import type { Contender } from './contender.js';
import type { Report } from '../progress.js';

/** redis-benchmark sends whole pipelines of this length only. */
export const PIPELINE = 16;

/** Updates per second of one contender: each round, and their median. */
export interface Throughput {
  readonly perSecond: number;
  readonly rounds: readonly number[];
}

/**
 * Runs the contenders in turn, round by round, so that all see the machine's slow and fast minutes alike. The
 * database is emptied before each run: it is the benchmark's own.
 *
 * @param scale part of each contender's updates to run, for a short check of totals
 * @throws Error when a total is wrong
 */
export async function measureThroughput(
  redisUrl: string,
  contenders: readonly Contender[],
  { rounds, scale, report }: { rounds: number; scale: number; report: Report },
): Promise<Map<string, Throughput>> {
  const redis = new Redis(redisUrl);
  const rates = new Map<string, number[]>();
  try {
    for (let round = 1; round <= rounds; round += 1) {
      for (const contender of contenders) {
        report(`round ${round} of ${rounds}: ${contender.name}`);
        const rate = await runOnce(redisUrl, redis, contender, scale);
        if (rate !== undefined) {
          rates.set(contender.name, [...(rates.get(contender.name) ?? []), rate]);
        }
      }
    }
  } finally {
    redis.disconnect();
  }
  return new Map(
    [...rates].map(([name, values]) => [
      name,
      { perSecond: Math.round(median(values)), rounds: values.map(Math.round) },
    ]),
  );
}

async function runOnce(
  redisUrl: string,
  redis: Redis,
  contender: Contender,
  scale: number,
): Promise<number | undefined> {
  await redis.flushall();
  const updates = Math.ceil((contender.updates * scale) / PIPELINE) * PIPELINE;
  const task = { redisUrl, redis, updates, keys: contender.keys };
  const seconds = await contender.run(task);
  if (seconds === undefined) {
    return undefined;
  }
  await requireTotal(task, contender.name);
  return updates / seconds;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
