import { RedisRefusedError, QueueUnavailableError } from '../src/errors.js';
import { isRedisError } from '../src/redis/is-redis-error.js';
import { HalfDoneError } from './audit/note-changes.js';
import { RedisSilentError } from './redis-silence.js';
import { isRefusalCode, REFUSALS, refusalOf } from '../src/redis/refusal.js';

/** What whoever looks at the dashboard is told of an error that is not his. */
export interface PublicError {
  readonly status: 500 | 503;
  readonly error: 'UNEXPECTED' | 'REDIS_REFUSED' | 'REDIS_AWAY';
  /** Redis' own code, where it refused. */
  readonly redisCode?: string;
  readonly message: string;
  /** Since when it has not answered, where that is known. */
  readonly sinceMs?: number;
}

/** Tells what Redis refuses from its not answering, and both from faults of ours, of which only the log says more. */
export function publicErrorOf(error: unknown): PublicError {
  if (error instanceof HalfDoneError) {
    const { message, sinceMs: _, ...answer } = publicErrorOf(error.cause);
    return { ...answer, message: `${error.message}: ${message}` };
  }
  if (error instanceof RedisSilentError) {
    const { message, sinceMs } = error;
    return { status: 503, error: 'REDIS_AWAY', message, sinceMs };
  }
  const code = error instanceof RedisRefusedError ? error.redisCode : refusalOf(error)?.code;
  if (code !== undefined && isRefusalCode(code)) {
    return {
      status: 503,
      error: 'REDIS_REFUSED',
      redisCode: code,
      message: `Redis refuses (${code}): ${REFUSALS[code]}`,
    };
  }
  if (error instanceof QueueUnavailableError || (code === undefined && isRedisError(error))) {
    return { status: 503, error: 'REDIS_AWAY', message: 'Redis does not answer; the log of Tally says why' };
  }
  return { status: 500, error: 'UNEXPECTED', message: 'something went wrong; the log of Tally says what' };
}
