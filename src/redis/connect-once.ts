import type { Redis } from 'ioredis';
import { explainFault } from './connection-fault.js';
import { GuardedRedis } from './guard-streams.js';
import { onHandshakeError } from './on-error-reply.js';
import { hideArguments } from './hide-arguments.js';
import type { ServerOptions } from './target.js';

/** One server, looked at by itself: a connection that tries once. */
export interface Node {
  readonly address: string;
  readonly redis: Redis;
}

/**
 * Connects once, and gives up on whatever takes longer than `timeoutMs`. Rejects when that fails.
 *
 * @param isSentinel whether it is one, whose users are its own
 */
export async function connectOnce(options: ServerOptions, timeoutMs: number, isSentinel = false): Promise<Node> {
  const { path, host = '127.0.0.1', port = 6379 } = options;
  const address = path ?? `${host}:${port}`;
  const redis = new GuardedRedis({
    ...options,
    lazyConnect: true,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    connectionName: 'tally-doctor',
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    enableReadyCheck: false,
    disconnectTimeout: 100,
  });
  let cause: Error | undefined;
  let refusal: Error | undefined;
  redis.on('error', (error) => {
    cause ??= hideArguments(error);
  });
  onHandshakeError(redis, (error) => {
    refusal ??= error; // what comes behind it says less
  });
  try {
    await redis.connect();
    await redis.ping(); // with a wrong password, connecting succeeds
  } catch (error) {
    redis.disconnect();
    hideArguments(error);
    const why = explainFault(refusal ?? cause ?? (error as Error), { tls: options.tls, isSentinel }).replace(
      ` ${address}`,
      '',
    );
    throw new Error(`${address} can't be reached (${why})`, { cause: error });
  }
  return { address, redis };
}
