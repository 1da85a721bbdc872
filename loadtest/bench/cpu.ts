import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Report } from '../progress.js';
import { readUsed } from './cluster-cost.js';
import type { Contender } from './contender.js';
import { prepare, requireTotal } from './workload.js';
import type { Limit } from './workload.js';
import { startRole } from './roles.js';
import { median, scaled, submit } from './throughput.js';

/** Microseconds of processor time for an update, each part alone; medians over the rounds. */
export interface Cost {
  readonly producer: number;
  /** All threads of Redis, while the producer adds. */
  readonly redisAdd: number;
  /** 0 where nothing is queued. */
  readonly worker: number;
  /** All threads of Redis, while the worker applies. Where nothing is queued, while the caller calls. */
  readonly redisApply: number;
  /** All of them. */
  readonly total: number;
}

/** Of each part, whichever comes first. */
const LIMIT = { updates: 400_000, ms: 3_000 };
/** What runs before the measure, producer and worker together, as a part of it: code has to be compiled. */
const WARM_UP = 0.3;
/** Until nothing is left to do for what was completed. */
const SETTLING_MS = 500;

/**
 * Measures what an update costs, as processor time, which other programs disturb less than rates: the producer alone
 * fills the queue while the worker is stopped, then the worker alone empties it. All in turn, round by round.
 *
 * @param scale part of the updates, and of the time
 * @throws Error when a total is wrong
 */
export async function measureCpu(
  redisUrl: string,
  contenders: readonly Contender[],
  { rounds, scale, report }: { rounds: number; scale: number; report: Report },
): Promise<Map<string, Cost>> {
  const redis = new Redis(redisUrl);
  const costs = new Map<string, Found[]>(contenders.map(({ name }) => [name, []]));
  try {
    for (let round = 1; round <= rounds; round += 1) {
      for (const contender of contenders) {
        report(`processor time, round ${round} of ${rounds}: ${contender.name}`);
        costs.get(contender.name)?.push(await runOnce(redisUrl, redis, contender, scaled(LIMIT, scale)));
      }
    }
    await redis.flushall();
  } finally {
    redis.disconnect();
  }
  return new Map([...costs].map(([name, those]) => [name, medianOf(those)]));
}

type Found = Omit<Cost, 'total'>;

async function runOnce(redisUrl: string, redis: Redis, contender: Contender, limit: Required<Limit>): Promise<Found> {
  const before = await prepare(redis, contender.load);
  const worker = contender.worker && (await startRole({ ...contender.worker, redisUrl }));
  const producers = await Promise.all(contender.producers.map((role) => startRole({ ...role, redisUrl })));
  const warm = await submit(producers, scaled(limit, WARM_UP));
  await worker?.work({ reach: warm.updates });
  await pause(SETTLING_MS);
  const idle = await worker?.work({ reach: warm.updates });
  worker?.signal('SIGSTOP');
  const from = await redisMicros(redis);
  const all = await submit(producers, limit);
  const added = await redisMicros(redis);
  const producer = (all.cpuMicros - warm.cpuMicros) / all.updates;
  await Promise.all(producers.map((each) => each.stop()));
  worker?.signal('SIGCONT');
  const drained = await worker?.work({ reach: warm.updates + all.updates });
  const applied = await redisMicros(redis);
  await worker?.stop();
  await requireTotal(redis, contender.load, before + warm.total + all.total, contender.name);
  const redisAdd = (added - from) / all.updates;
  return idle === undefined || drained === undefined
    ? { producer, redisAdd: 0, worker: 0, redisApply: redisAdd }
    : {
        producer,
        redisAdd,
        worker: (drained.cpuMicros - idle.cpuMicros) / all.updates,
        redisApply: (applied - added) / all.updates,
      };
}

async function redisMicros(redis: Redis): Promise<number> {
  return (await readUsed([redis])).micros;
}

function medianOf(found: readonly Found[]): Cost {
  const of = (part: (it: Found) => number) => median(found.map(part));
  return {
    producer: of((it) => it.producer),
    redisAdd: of((it) => it.redisAdd),
    worker: of((it) => it.worker),
    redisApply: of((it) => it.redisApply),
    total: of((it) => it.producer + it.redisAdd + it.worker + it.redisApply),
  };
}
