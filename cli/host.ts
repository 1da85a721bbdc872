import { ConfigurationError } from '../src/errors.js';
import type { RedisTarget } from '../src/redis/target.js';
import type { Context } from './context.js';
import { withKeyStore, withUserStore } from './stores.js';

/** Addresses that only this machine can reach. */
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** @throws ConfigurationError when others could use the dashboard without signing in */
export async function requireSignInOrLoopback(context: Context, redis: RedisTarget): Promise<void> {
  const { HOST, TALLY_DASHBOARD_USER_HEADER: userHeader } = context.config;
  if (LOOPBACK.has(HOST) || userHeader !== undefined) {
    return;
  }
  if ((await withUserStore(context, redis, (store) => store.count())) === 0) {
    throw new ConfigurationError(
      `HOST is "${HOST}", which others can reach, and nobody can sign in to the dashboard: add a user first, ` +
        `tally users add ann --role operator, or serve this machine only with HOST=127.0.0.1, and beside it ` +
        `the API alone, HOST=${HOST} PORT=3001 tally api`,
    );
  }
}

/** @throws ConfigurationError when others could use the API without an API key */
export async function requireKeysOrLoopback(context: Context, redis: RedisTarget): Promise<void> {
  const { HOST } = context.config;
  if (LOOPBACK.has(HOST)) {
    return;
  }
  if ((await withKeyStore(context, redis, (store) => store.count())) === 0) {
    throw new ConfigurationError(
      `HOST is "${HOST}", which others can reach, and there is no API key: make one first, tally keys create --name shop, ` +
        'or serve this machine only with HOST=127.0.0.1',
    );
  }
}
