import { QueueUnavailableError, RedisRefusedError } from '../errors.js';
import { Problem } from '../web/problems.js';

/**
 * What a client is told when Redis fails in the middle of a request that changes something other than cells: a part of it, or all,
 * may have taken effect. Other errors stay what they are.
 */
export function unknownEffect(error: unknown): unknown {
  if (!(error instanceof QueueUnavailableError)) {
    return error;
  }
  const redisCode = error instanceof RedisRefusedError ? error.redisCode : undefined;
  const what = redisCode === undefined ? 'did not answer in time' : `refused (${redisCode})`;
  const detail = `Redis ${what}; it is not known whether the request took effect: look before you send it again`;
  const code = redisCode === undefined ? 'QUEUE_UNAVAILABLE' : 'REDIS_REFUSED';
  return new Problem(code, detail, { cause: error, accepted: 'unknown', redisCode });
}
