import { ConfigurationError } from '../errors.js';
import { withKeyStore } from './key-store.js';
import type { Context } from './context.js';

/** Addresses that only this machine can reach. */
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** @throws ConfigurationError when others could reach the dashboard, which asks nobody who they are */
export function requireLoopback({ config: { HOST } }: Context): void {
  if (!LOOPBACK.has(HOST)) {
    throw new ConfigurationError(
      `HOST is "${HOST}", but tally up also serves the dashboard, which has no sign-in: start it with HOST=127.0.0.1, ` +
        `and beside it the API alone, HOST=${HOST} PORT=3001 tally api, with an API key from tally keys create`,
    );
  }
}

/** @throws ConfigurationError when others could use the API without an API key */
export async function requireKeysOrLoopback(context: Context, redis: string): Promise<void> {
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
