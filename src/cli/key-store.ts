import { KeyStore } from '../producers/http/access/key-store.js';
import { connectPromptly } from '../redis/connection.js';
import { createKeys } from '../redis/keys.js';
import { connectionOptions } from './context.js';
import type { Context } from './context.js';

const TIMEOUT_MS = 5_000;

/** Does something with the API keys in this Redis. */
export async function withKeyStore<T>(
  context: Context,
  target: string,
  use: (store: KeyStore) => Promise<T>,
): Promise<T> {
  const redis = connectPromptly(target, 'tally-keys', TIMEOUT_MS, context.logger);
  try {
    return await use(new KeyStore(redis, createKeys(connectionOptions(context, target))));
  } finally {
    redis.disconnect();
  }
}
