import { UserStore } from '../dashboard/access/user-store.js';
import { KeyStore } from '../src/api/access/key-store.js';
import { openStore } from '../src/layout/store.js';
import type { Store } from '../src/layout/store.js';
import type { RedisTarget } from '../src/redis/target.js';
import { connectionOptions } from './context.js';
import type { Context } from './context.js';

const TIMEOUT_MS = 5_000;

/** Does something with the API keys in this Redis. */
export function withKeyStore<T>(
  context: Context,
  target: RedisTarget,
  use: (keyStore: KeyStore, store: Store) => Promise<T>,
): Promise<T> {
  return withStore(context, target, (store) => use(new KeyStore(store.redis, store.keys), store));
}

/** Does something with the users of the dashboard in this Redis. */
export function withUserStore<T>(
  context: Context,
  target: RedisTarget,
  use: (store: UserStore) => Promise<T>,
): Promise<T> {
  return withStore(context, target, ({ redis, keys }) => use(new UserStore(redis, keys)));
}

/** Does something with what this Redis holds. */
export async function withStore<T>(
  context: Context,
  target: RedisTarget,
  use: (store: Store) => Promise<T>,
): Promise<T> {
  const options = { connectionName: 'tally-access', timeoutMs: TIMEOUT_MS };
  const store = openStore({ ...connectionOptions(context, target), ...options });
  try {
    return await use(store);
  } finally {
    store.close();
  }
}
