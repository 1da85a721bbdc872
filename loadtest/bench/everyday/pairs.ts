import { Redis } from 'ioredis';
import { pino } from 'pino';
import { createProducer } from '../../../src/index.js';
import type { Producer, Submission } from '../../../src/index.js';
import type { Report } from '../../progress.js';
import { startRole } from '../roles.js';
import { median } from '../throughput.js';

/** Two updates after one another, the second when the first is applied: by so many buyers at a time. */
export interface Pairs {
  readonly name: 'increment, increment' | 'reserve, confirm';
  /** Pairs a second, the median of the rounds. */
  readonly perSecond: number;
  readonly rounds: readonly number[];
}

const BUYERS = 500;
const ARTICLES = 1_000;
const STOCK = 1_000_000;
const PAIRS = 20_000;
const ROUNDS = 3;

const logger = pino({ level: 'error' }, pino.destination(2));

/** Each round has cells of its own, named by it. */
const article = (round: string, number: number) => `stock:${round}:${number % ARTICLES}`;

interface Side {
  readonly name: Pairs['name'];
  first(producer: Producer, key: string, number: number): Promise<Submission>;
  second(producer: Producer, key: string, number: number): Promise<Submission>;
  /** By how much each pair changes its cell. */
  readonly change: number;
}

const SIDES: readonly Side[] = [
  {
    name: 'increment, increment',
    first: (producer, key) => producer.counters.increment({ key }),
    second: (producer, key) => producer.counters.increment({ key }),
    change: 2,
  },
  {
    name: 'reserve, confirm',
    first: (producer, key, number) =>
      producer.inventory.reserve({ key, quantity: 1, reservation: `cart-${number}`, ttlSeconds: 600 }),
    second: (producer, key, number) => producer.inventory.confirm({ key, reservation: `cart-${number}` }),
    change: -1,
  },
];

/** Measures both sides in turn, each with a producer in this process and a worker in one of its own. */
export async function measurePairs(
  redisUrl: string,
  { scale, report }: { scale: number; report: Report },
): Promise<Pairs[]> {
  const redis = new Redis(redisUrl);
  await redis.flushall();
  const producer = createProducer({ redis: redisUrl, logger });
  const worker = await startRole({ role: 'tally-worker', redisUrl });
  const rounds = new Map<string, number[]>(SIDES.map(({ name }) => [name, []]));
  try {
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const side of SIDES) {
        report(`pairs: ${side.name}, round ${round} of ${ROUNDS}`);
        rounds.get(side.name)?.push(await runRound(redis, producer, { side, round, pairs: Math.ceil(PAIRS * scale) }));
      }
    }
  } finally {
    await producer.close();
    await worker.stop();
    redis.disconnect();
  }
  return SIDES.map(({ name }) => {
    const found = (rounds.get(name) ?? []).map(Math.round);
    return { name, perSecond: median(found), rounds: found };
  });
}

/** @returns pairs a second @throws Error when a total is wrong, or an update was not applied */
async function runRound(
  redis: Redis,
  producer: Producer,
  { side, round, pairs }: { side: Side; round: number; pairs: number },
): Promise<number> {
  const of = `${round}-${SIDES.indexOf(side)}`;
  const stocks = Array.from({ length: ARTICLES }, (_, number) => article(of, number));
  await redis.mset(stocks.flatMap((key) => [key, STOCK]));
  let next = 0;
  const buyer = async () => {
    for (let number = next++; number < pairs; number = next++) {
      for (const submit of [side.first, side.second]) {
        const { status } = await (await submit(producer, article(of, number), number)).outcome();
        if (status !== 'applied') {
          throw new Error(`pair ${number} of ${side.name} was ${status}`);
        }
      }
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: BUYERS }, buyer));
  const seconds = (performance.now() - startedAt) / 1_000;
  const total = (await redis.mget(stocks)).reduce((sum, value) => sum + Number(value), 0);
  if (total !== STOCK * ARTICLES + side.change * pairs) {
    throw new Error(`wrong total of ${side.name}: ${total}`);
  }
  return pairs / seconds;
}
