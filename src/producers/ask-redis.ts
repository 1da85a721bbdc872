import { QueueUnavailableError } from '../errors.js';
import type { Connection } from '../redis/connection.js';

/**
 * Waits for what is read from Redis.
 *
 * @throws QueueUnavailableError when Redis does not answer within `timeoutMs`
 */
export async function askRedis<T>(redis: Connection, timeoutMs: number, reading: Promise<T>): Promise<T> {
  try {
    return await withDeadline(reading, timeoutMs);
  } catch (error) {
    const message = `Redis did not answer (${reasonOf(error as Error, redis)}); nothing was accepted`;
    throw new QueueUnavailableError(message, { cause: error, accepted: 'none' });
  }
}

export async function withDeadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Where Redis is and why it can't be reached, or what it answered. */
export function reasonOf(error: Error, { address, lastError = error }: Connection): string {
  return `${address}: ${lastError.message || String(lastError)}`;
}
