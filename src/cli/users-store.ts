import { UserStore } from '../../dashboard/access/user-store.js';
import { connectPromptly } from '../redis/connection.js';
import { createKeys } from '../redis/keys.js';
import { connectionOptions } from './context.js';
import type { Context } from './context.js';

const TIMEOUT_MS = 5_000;

/** Does something with the users of the dashboard in this Redis. */
export async function withUserStore<T>(
  context: Context,
  target: string,
  use: (store: UserStore) => Promise<T>,
): Promise<T> {
  const redis = connectPromptly(target, 'tally-users', TIMEOUT_MS, context.logger);
  try {
    return await use(new UserStore(redis, createKeys(connectionOptions(context, target))));
  } finally {
    redis.disconnect();
  }
}
