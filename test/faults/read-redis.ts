import { Cluster } from 'ioredis';
import type { Redis } from 'ioredis';
import type { RedisClient } from '../../src/redis/connection.js';

const AT_A_TIME = 500;

/** The servers that have keys. */
export function mastersOf(redis: RedisClient): Redis[] {
  return redis instanceof Cluster ? redis.nodes('master') : [redis];
}

/** Every key that matches, each once. */
export async function scanKeys(redis: RedisClient, match: string, type?: 'hash'): Promise<string[]> {
  const found = new Set<string>();
  for (const master of mastersOf(redis)) {
    const options = { match, count: AT_A_TIME, ...(type && { type }) };
    for await (const batch of master.scanStream(options) as AsyncIterable<string[]>) {
      for (const key of batch) {
        found.add(key);
      }
    }
  }
  return [...found];
}

export async function inBatches<Item, Found>(
  items: readonly Item[],
  read: (batch: Item[]) => Promise<Found[]>,
): Promise<Found[]> {
  const found: Found[] = [];
  for (let first = 0; first < items.length; first += AT_A_TIME) {
    found.push(...(await read(items.slice(first, first + AT_A_TIME))));
  }
  return found;
}
