import { Redis } from 'ioredis';
import type { Report } from '../progress.js';
import { sum } from './cluster-cost.js';
import type { Contender, Program } from './contender.js';
import { prepare, requireTotal } from './workload.js';
import type { Limit, Submitted } from './workload.js';
import { runRedisBenchmark } from './redis-benchmark.js';
import { startRole } from './roles.js';
import type { Done, RoleProcess } from './roles.js';

/** Updates per second of one contender: each round, and their median. */
export interface Throughput {
  readonly perSecond: number;
  readonly rounds: readonly number[];
}

/** Of each side in a round, whichever comes first. What was submitted by then is completed, and counts. */
const LIMIT = { updates: 1_500_000, ms: 10_000 };

/**
 * Runs the contenders in turn, round by round, so that all see the machine's slow and fast minutes alike. The
 * database is emptied before each run: it is the benchmark's own.
 *
 * @param scale part of the updates, and of the time, for a short check of totals
 * @throws Error when a total is wrong
 */
export async function measureThroughput(
  redisUrl: string,
  contenders: readonly (Contender | Program)[],
  { rounds, scale, report }: { rounds: number; scale: number; report: Report },
): Promise<Map<string, Throughput>> {
  const redis = new Redis(redisUrl);
  const limit = scaled(LIMIT, scale);
  const rates = new Map<string, number[]>();
  try {
    for (let round = 1; round <= rounds; round += 1) {
      for (const contender of contenders) {
        report(`round ${round} of ${rounds}: ${contender.name}`);
        const rate =
          'program' in contender
            ? await runRedisBenchmark(redisUrl, redis, contender, limit)
            : await runOnce(redisUrl, redis, contender, limit);
        if (rate !== undefined) {
          rates.set(contender.name, [...(rates.get(contender.name) ?? []), rate]);
        }
      }
    }
    await redis.flushall();
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

/** From the first submit to the last completion. */
async function runOnce(redisUrl: string, redis: Redis, contender: Contender, limit: Limit): Promise<number> {
  const before = await prepare(redis, contender.load);
  const worker = contender.worker && (await startRole({ ...contender.worker, redisUrl }));
  const producers = await Promise.all(contender.producers.map((role) => startRole({ ...role, redisUrl })));
  const startedAt = performance.now();
  const { updates, total } = await submit(producers, limit);
  await worker?.work({ reach: updates });
  const seconds = (performance.now() - startedAt) / 1000;
  await Promise.all([...producers, ...(worker ? [worker] : [])].map((process) => process.stop()));
  await requireTotal(redis, contender.load, before + total, contender.name);
  return updates / seconds;
}

/** Has producers submit up to a limit, each its share. @returns also the processor time that they have used so far */
export async function submit(
  producers: readonly RoleProcess[],
  { updates, ms }: Limit,
): Promise<Submitted & Pick<Done, 'cpuMicros'>> {
  const share: Limit = { updates: Math.ceil(updates / producers.length), ...(ms !== undefined && { ms }) };
  const done = await Promise.all(producers.map((producer) => producer.work(share)));
  const all = done.map(({ found }) => found as Submitted);
  return {
    updates: sum(all.map((each) => each.updates)),
    total: sum(all.map((each) => each.total)),
    cpuMicros: sum(done.map(({ cpuMicros }) => cpuMicros)),
  };
}

export function scaled({ updates, ms }: Required<Limit>, scale: number): Required<Limit> {
  return { updates: Math.ceil(updates * scale), ms: ms * scale };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
