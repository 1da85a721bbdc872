import { QueueUnavailableError, RedisRefusedError } from '../errors.js';
import { reasonOf, refusalBehind } from '../redis/ask-redis.js';
import type { Connection } from '../redis/connection.js';
import { isRedisError } from '../redis/is-redis-error.js';
import { refusalOf } from '../redis/refusal.js';
import { NotReplicatedError } from '../redis/replicas.js';

/** How often a job was sent to Redis. */
export type Sent = 'not sent' | 'once' | 'more often';

/**
 * What callers are told of a failure. That Redis refuses something on this connection says nothing of a job which had no answer;
 * its own answer, such as OOM, means that nothing was accepted, if the job was sent once. After a lost connection it may have been
 * sent twice and accepted the first time.
 */
export function sendFailure(error: Error, redis: Connection, sent: Sent): Error {
  if (error instanceof QueueUnavailableError) {
    return error;
  }
  const isUnconfirmed = error instanceof NotReplicatedError; // of a repeat: it may have been accepted before
  if (isUnconfirmed && refusalOf(error) === undefined) {
    const message = `${error.message}, and a failover may lose the update: ${RESEND}`;
    return new QueueUnavailableError(message, { cause: error });
  }
  const refusal = refusalBehind(error, redis);
  if (refusal !== undefined) {
    const { code, words, cause } = refusal;
    return !isUnconfirmed && (sent === 'not sent' || (sent === 'once' && cause === error))
      ? new RedisRefusedError(code, `Redis refused the job: ${words}; the update was not accepted`, {
          cause,
          accepted: 'none',
        })
      : new RedisRefusedError(code, `Redis refused the job (${redis.address}: ${words}); ${NOT_KNOWN}: ${RESEND}`, {
          cause,
        });
  }
  if (!isRedisError(error)) {
    return error;
  }
  return new QueueUnavailableError(`Redis did not take the job (${reasonOf(error, redis)}); ${NOT_KNOWN}: ${RESEND}`, {
    cause: redis.lastError ?? error,
  });
}

const NOT_KNOWN = 'the update may or may not have been accepted';
const RESEND = 'send it again with the same idempotency key, and it takes effect once';
