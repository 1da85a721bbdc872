import type { Cell } from '../../src/redis/cell.js';
import type { RedisClient } from '../../src/redis/connection.js';

/** The three kinds of cell, for tests that hold for each. */
export const CELL_KINDS = ['string', 'hash field', 'sorted-set member'] as const;
export type CellKind = (typeof CELL_KINDS)[number];

/** A cell of this kind at `key`; its field or member has the given name. */
export function cellOf(kind: CellKind, key: string, name = 'points'): Cell {
  switch (kind) {
    case 'string':
      return { key };
    case 'hash field':
      return { key, field: name };
    case 'sorted-set member':
      return { key, member: name };
  }
}

/** Stores a value the way another service would: SET, HSET or ZADD. */
export async function store(redis: RedisClient, { key, field, member }: Cell, value: string | number): Promise<void> {
  if (field !== undefined) {
    await redis.hset(key, field, value);
  } else if (member !== undefined) {
    await redis.zadd(key, value, member);
  } else {
    await redis.set(key, value);
  }
}

/** What another service reads with GET, HGET or ZSCORE. */
export async function stored(redis: RedisClient, { key, field, member }: Cell): Promise<string | null> {
  if (field !== undefined) {
    return redis.hget(key, field);
  }
  return member === undefined ? redis.get(key) : redis.zscore(key, member);
}
