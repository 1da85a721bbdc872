import type { RedisClient } from '../../src/redis/connection.js';
import type { Cells } from './cells.js';

const AT_ONCE = 500;

/** Removes the cells that the load made, by their names; it looks at no other key. */
export async function removeCells(redis: RedisClient, cells: Cells, numbers: Iterable<number>): Promise<void> {
  const keys = [...new Set([...numbers].map((number) => cells.cell(number).key))];
  for (let first = 0; first < keys.length; first += AT_ONCE) {
    // One by one: in a Cluster a command can't name keys of several slots.
    await Promise.all(keys.slice(first, first + AT_ONCE).map((key) => redis.unlink(key)));
  }
}
