import { UserStore } from '../dashboard/access/user-store.js';
import { KeyStore } from '../src/api/access/key-store.js';
import { connectPromptly } from '../src/redis/connection.js';
import type { Connection } from '../src/redis/connection.js';
import { createKeys } from '../src/redis/keys.js';
import type { Keys } from '../src/redis/keys.js';
import type { RedisTarget } from '../src/redis/target.js';
import { connectionOptions } from './context.js';
import type { Context } from './context.js';

const TIMEOUT_MS = 5_000;

/** Does something with the API keys in this Redis. */
export function withKeyStore<T>(
  context: Context,
  target: RedisTarget,
  use: (store: KeyStore) => Promise<T>,
): Promise<T> {
  return withRedis(context, target, (redis, keys) => use(new KeyStore(redis, keys)));
}

/** Does something with the users of the dashboard in this Redis. */
export function withUserStore<T>(
  context: Context,
  target: RedisTarget,
  use: (store: UserStore) => Promise<T>,
): Promise<T> {
  return withRedis(context, target, (redis, keys) => use(new UserStore(redis, keys)));
}

async function withRedis<T>(
  context: Context,
  target: RedisTarget,
  use: (redis: Connection, keys: Keys) => Promise<T>,
): Promise<T> {
  const redis = connectPromptly(target, 'tally-access', TIMEOUT_MS, context.logger);
  try {
    return await use(redis, createKeys(connectionOptions(context, target)));
  } finally {
    redis.disconnect();
  }
}
