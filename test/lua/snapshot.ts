import type { RedisClient } from '../../src/redis/connection.js';

/** All that a Redis holds. Two are equal only if nothing was written in between. */
export interface Snapshot {
  /** Redis' own count of writes. */
  readonly changes: number;
  /** DUMP of every key, both in hex. */
  readonly dumps: Readonly<Record<string, string>>;
}

/** For a Redis that nothing else writes to. */
export async function takeSnapshot(redis: RedisClient): Promise<Snapshot> {
  const keys = await redis.keysBuffer('*');
  const entries = await Promise.all(
    keys.map(async (key) => [key.toString('hex'), (await redis.dumpBuffer(key)).toString('hex')] as const),
  );
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  const info = await redis.info('persistence');
  const changes = Number(/rdb_changes_since_last_save:(\d+)/.exec(info)?.[1]);
  if (!Number.isInteger(changes)) {
    throw new Error('INFO persistence does not tell rdb_changes_since_last_save');
  }
  return { changes, dumps: Object.fromEntries(entries) };
}
