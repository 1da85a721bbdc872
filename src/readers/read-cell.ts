import type { RedisClient } from '../redis/connection.js';
import { TallyError } from '../errors.js';
import type { Cell } from '../redis/cell.js';
import { cellName, describeCell } from '../redis/cell.js';
import { integerIn } from '../redis/cell-integer.js';

/** A cell's value as Redis holds it now. */
export interface CellValue extends Cell {
  readonly value: number;
  /** Seconds until the key expires; absent when it does not. */
  readonly ttlSeconds?: number;
}

/**
 * Reads one cell, in one round trip.
 *
 * @returns undefined when it is missing
 * @throws TallyError `WRONG_TYPE` or `NOT_AN_INTEGER` when it holds something else
 */
export async function readCell(redis: RedisClient, cell: Cell): Promise<CellValue | undefined> {
  const { key } = cell;
  const [[typeError, type], [ttlError, ttlMs], [readError, text]] = (await readAll(redis, cell)) as [
    [Error | null, string],
    [Error | null, number],
    [Error | null, string | null],
  ];
  if (typeError !== null) {
    throw typeError; // Redis is unreachable
  }
  const expected = kindOf(cell);
  if (type !== expected && type !== 'none') {
    throw new TallyError(
      'WRONG_TYPE',
      `"${key}" holds a ${type}; ${HOW_TO_READ[type] ?? 'it is not a value of Tally'}`,
    );
  }
  const error = readError ?? ttlError;
  if (error !== null) {
    throw error;
  }
  if (text === null) {
    return undefined;
  }
  const value = integerIn(cell, text);
  if (value === undefined) {
    throw new TallyError('NOT_AN_INTEGER', `${describeCell(cell)} holds "${text}", not an integer within +-(2^53 - 1)`);
  }
  return { ...cellName(cell), value, ...lifeOf(ttlMs) };
}

/** What PTTL answers, in seconds that are not over yet. */
export function lifeOf(ttlMs: number): Pick<CellValue, 'ttlSeconds'> {
  return ttlMs < 0 ? {} : { ttlSeconds: Math.max(1, Math.ceil(ttlMs / 1_000)) };
}

const HOW_TO_READ: Readonly<Record<string, string>> = {
  string: 'give the key alone',
  hash: 'name a field of it',
  zset: 'name a member of it',
};

function kindOf({ field, member }: Cell): string {
  if (field !== undefined) {
    return 'hash';
  }
  return member === undefined ? 'string' : 'zset';
}

/** The life before the value: a key that ends in between has none of both. */
async function readAll(redis: RedisClient, { key, field, member }: Cell) {
  const pipeline = redis.pipeline().type(key).pttl(key);
  if (field !== undefined) {
    pipeline.hget(key, field);
  } else if (member !== undefined) {
    pipeline.zscore(key, member);
  } else {
    pipeline.get(key);
  }
  return await pipeline.exec();
}
