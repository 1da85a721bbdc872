import { QueueUnavailableError, RedisRefusedError, TallyError } from '../errors.js';
import type { Accepted } from '../errors.js';
import { withDeadline } from '../lib/timeouts.js';
import { explainFault } from './connection-fault.js';
import type { Connection } from './connection.js';
import { isRedisError } from './is-redis-error.js';
import { refusalOf } from './refusal.js';
import type { Refusal } from './refusal.js';

/** What can be said when Redis does not answer. */
interface Said {
  readonly accepted: Accepted;
  readonly words: string;
}

const NOTHING: Said = { accepted: 'none', words: 'nothing was accepted' };

/**
 * Waits for what is read from Redis.
 *
 * @param said of what may have been done. @defaultValue nothing was, as it only read
 * @throws QueueUnavailableError when Redis does not answer within `timeoutMs`
 * @throws RedisRefusedError when it refuses
 */
export async function askRedis<T>(
  redis: Connection,
  timeoutMs: number,
  reading: Promise<T>,
  said: Said = NOTHING,
): Promise<T> {
  try {
    return await withDeadline(reading, timeoutMs);
  } catch (error) {
    throw unavailable(error as Error, redis, said);
  }
}

/** Errors of our own stay what they are. */
function unavailable(error: Error, redis: Connection, { accepted, words }: Said): Error {
  if (error instanceof TallyError) {
    return error;
  }
  const refusal = refusalBehind(error, redis);
  if (refusal !== undefined) {
    const message = `Redis refused (${redis.address}: ${refusal.words}); ${words}`;
    return new RedisRefusedError(refusal.code, message, { cause: refusal.cause, accepted });
  }
  if (!isRedisError(error)) {
    return error;
  }
  const message = `Redis did not answer (${reasonOf(error, redis)}); ${words}`;
  return new QueueUnavailableError(message, { cause: redis.lastError ?? error, accepted });
}

interface RefusalBehind extends Refusal {
  readonly cause: Error;
  readonly words: string;
}

/** What Redis refused a command with, or the connection over which it was to be sent; undefined when it did neither. */
export function refusalBehind(error: Error, { lastError, down }: Connection): RefusalBehind | undefined {
  for (const cause of [error, ...(isRedisError(error) ? [lastError, down] : [])]) {
    const refusal = refusalOf(cause);
    if (cause !== undefined && refusal !== undefined) {
      // What keeps a connection from being made has been explained already.
      const words = cause === lastError ? cause.message : explainFault(cause);
      return { ...refusal, cause, words };
    }
  }
  return undefined;
}

/** Where Redis is and why it can't be reached, or what it answered. */
export function reasonOf(error: Error, { address, lastError = error }: Connection): string {
  return `${address}: ${lastError.message || String(lastError)}`;
}
