import { Redis } from 'ioredis';
import { pino } from 'pino';
import { createReader } from '../../../src/index.js';
import type { Reader } from '../../../src/index.js';
import type { Report } from '../../progress.js';
import { median } from '../throughput.js';
import { quantile } from './quantile.js';

/** What a question takes, of a reader and of Redis by itself. */
export interface Read {
  readonly name: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The same asked of Redis by ioredis, without ranks and checks. */
  readonly plainP50Ms: number;
  /** With so many at a time. */
  readonly perSecond: number;
}

const MEMBERS = 1_000_000;
const CELLS = 1_000;
const CALLERS = 50;
const AT_ONCE = 5_000;

const logger = pino({ level: 'error' }, pino.destination(2));

interface Question {
  readonly name: string;
  readonly times: number;
  ask(reader: Reader): Promise<unknown>;
  plain(redis: Redis): Promise<unknown>;
}

const member = (number: number) => `player:${number}`;
const cells = Array.from({ length: CELLS }, (_, number) => ({ key: `count:${number}` }));

const QUESTIONS: readonly Question[] = [
  {
    name: 'top 10 of 1,000,000 members',
    times: 5_000,
    ask: (reader) => reader.top('board'),
    plain: (redis) => redis.zrevrange('board', 0, 9, 'WITHSCORES'),
  },
  {
    name: 'a member of 1,000,000, and 5 on each side',
    times: 5_000,
    ask: (reader) => reader.rank('board', member(MEMBERS / 2), { around: 5 }),
    plain: (redis) => redis.zrevrank('board', member(MEMBERS / 2)),
  },
  {
    name: '1,000 cells',
    times: 500,
    ask: (reader) => reader.get(cells),
    plain: (redis) => redis.mget(cells.map(({ key }) => key)),
  },
];

/** Asks each question alone, then many at a time. */
export async function measureReads(
  redisUrl: string,
  { scale, report }: { scale: number; report: Report },
): Promise<Read[]> {
  const redis = new Redis(redisUrl);
  const reader = createReader({ redis: redisUrl, logger });
  try {
    report('reads: filling a leaderboard');
    await fill(redis, Math.ceil(MEMBERS * scale));
    const found: Read[] = [];
    for (const { name, times, ask, plain } of QUESTIONS) {
      report(`reads: ${name}`);
      const count = Math.ceil(times * scale);
      await timesOf(Math.ceil(count / 10), () => ask(reader)); // warm
      const [own, others] = [await timesOf(count, () => ask(reader)), await timesOf(count, () => plain(redis))];
      found.push({
        name,
        p50Ms: median(own),
        p99Ms: quantile(own, 0.99),
        plainP50Ms: median(others),
        perSecond: await rateOf(count, () => ask(reader)),
      });
    }
    return found;
  } finally {
    reader.close();
    redis.disconnect();
  }
}

async function fill(redis: Redis, members: number): Promise<void> {
  await redis.flushall();
  await redis.mset(cells.flatMap(({ key }, number) => [key, number]));
  await redis.zadd('board', 0, member(MEMBERS / 2));
  for (let first = 0; first < members; first += AT_ONCE) {
    const part = Array.from({ length: Math.min(AT_ONCE, members - first) }, (_, place) => first + place);
    await redis.zadd('board', ...part.flatMap((number) => [(number * 7_919) % 1_000_003, member(number)]));
  }
}

async function timesOf(count: number, ask: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let done = 0; done < count; done += 1) {
    const askedAt = performance.now();
    await ask();
    times.push(performance.now() - askedAt);
  }
  return times;
}

async function rateOf(count: number, ask: () => Promise<unknown>): Promise<number> {
  let asked = 0;
  const caller = async () => {
    while (asked < count) {
      asked += 1;
      await ask();
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return Math.round((count * 1_000) / (performance.now() - startedAt));
}
