import { Redis } from 'ioredis';
import { requireTotal } from './workload.js';
import type { Report } from '../progress.js';
import { startRole } from './roles.js';
import { median } from './throughput.js';

/** Milliseconds from the moment an update was due to its outcome. */
export interface Percentiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Latency extends Percentiles {
  readonly name: 'plain-bullmq' | 'tally';
  readonly perSecond: number;
}

const RATES = [1_000, 5_000];
const KEYS = 10_000;
const SECONDS = 13;

/**
 * Measures submit-to-outcome latency at fixed rates, both sides in turn; the figures are medians over the rounds.
 *
 * @throws Error when a total is wrong
 */
export async function measureLatency(
  redisUrl: string,
  { rounds, report }: { rounds: number; report: Report },
): Promise<Latency[]> {
  const redis = new Redis(redisUrl);
  const latencies: Latency[] = [];
  try {
    for (const perSecond of RATES) {
      const found = { 'plain-bullmq': [] as Percentiles[], tally: [] as Percentiles[] };
      for (let round = 1; round <= rounds; round += 1) {
        for (const name of ['plain-bullmq', 'tally'] as const) {
          report(`latency at ${perSecond}/s, round ${round} of ${rounds}: ${name}`);
          found[name].push(await runOnce(redisUrl, redis, name, perSecond));
        }
      }
      for (const name of ['plain-bullmq', 'tally'] as const) {
        const p50Ms = median(found[name].map((it) => it.p50Ms));
        const p99Ms = median(found[name].map((it) => it.p99Ms));
        latencies.push({ name, perSecond, p50Ms, p99Ms });
      }
    }
  } finally {
    redis.disconnect();
  }
  return latencies;
}

async function runOnce(redisUrl: string, redis: Redis, name: Latency['name'], perSecond: number): Promise<Percentiles> {
  await redis.flushall();
  const isPlain = name === 'plain-bullmq';
  const worker = await startRole(
    isPlain ? { role: 'plain-worker', applies: 'increments', redisUrl } : { role: 'tally-worker', redisUrl },
  );
  const updates = perSecond * SECONDS;
  const role = isPlain ? 'plain-latency' : 'tally-latency';
  const producer = await startRole({ role, perSecond, updates, keys: KEYS, redisUrl });
  const { found } = await producer.work();
  await Promise.all([producer.stop(), worker.stop()]);
  await requireTotal(redis, { keys: KEYS, maxBy: 1 }, updates, name);
  return found as Percentiles;
}
