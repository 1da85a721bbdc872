import type { Redis } from 'ioredis';
import { Cells } from '../load/cells.js';
import { DEFAULTS } from '../load/scenarios.js';

/** What the updates of a side are like. */
export type Load = Increments | 'mix';

/** Each adds to one key. */
export interface Increments {
  /** Number of different keys. */
  readonly keys: number;
  /** Each adds a random amount from 1 to this. */
  readonly maxBy: number;
}

/** How many updates a producer is to submit: so many, or as many as it can in so much time. */
export interface Limit {
  readonly updates: number;
  /** @defaultValue as long as it takes */
  readonly ms?: number;
}

/** What a producer submitted. */
export interface Submitted {
  readonly updates: number;
  /** What all of them add up to. */
  readonly total: number;
}

/** The cells of the mix: those of `tally load` without flags. */
export const MIX_CELLS = new Cells('load:bench:', DEFAULTS.keys, false);

/** Units of each stock of the mix: it never gets short, so that what is taken is what was asked for. */
export const STOCK = 1_000_000_000;

const MGET = 1_000;

/** The keys of increments: `k:000000000000`, as `redis-benchmark -r` makes them. */
export function keyName(number: number): string {
  return `k:${String(number).padStart(12, '0')}`;
}

/** Empties the database and fills what stocks there are. @returns what all cells add up to then */
export async function prepare(redis: Redis, load: Load): Promise<number> {
  await redis.flushall();
  if (load !== 'mix') {
    return 0;
  }
  const stocks = Array.from({ length: DEFAULTS.keys }, (_, index) => MIX_CELLS.numberOf('inventory', index));
  await redis.mset(stocks.flatMap((number) => [MIX_CELLS.cell(number).key, STOCK]));
  return STOCK * stocks.length;
}

/**
 * Adds up all cells.
 *
 * @throws Error when the sum is not what was submitted
 */
export async function requireTotal(redis: Redis, load: Load, total: number, name: string): Promise<void> {
  const keys = keysOf(load);
  let sum = 0;
  for (let first = 0; first < keys.length; first += MGET) {
    const values = await redis.mget(keys.slice(first, first + MGET));
    sum += values.reduce((all, value) => all + Number(value ?? 0), 0);
  }
  if (sum !== total) {
    throw new Error(`wrong total of ${name}: ${sum} instead of ${total}`);
  }
}

function keysOf(load: Load): string[] {
  return load === 'mix'
    ? Array.from({ length: MIX_CELLS.size }, (_, number) => MIX_CELLS.cell(number).key)
    : Array.from({ length: load.keys }, (_, number) => keyName(number));
}
