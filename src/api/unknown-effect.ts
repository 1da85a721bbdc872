import { QueueUnavailableError, RedisRefusedError } from '../errors.js';
import { Problem } from '../web/problems.js';

/**
 * What a client is told when Redis fails in the middle of a request that changes something other than cells: a part of it, or all,
 * may have taken effect. Other errors stay what they are.
 *
 * @param soFar what is known to have, in words
 */
export function unknownEffect(error: unknown, soFar?: string): unknown {
  if (!(error instanceof QueueUnavailableError)) {
    return error;
  }
  const redisCode = error instanceof RedisRefusedError ? error.redisCode : undefined;
  const what = redisCode === undefined ? 'did not answer in time' : `refused (${redisCode})`;
  const effect = soFar === undefined ? 'whether the request took effect' : 'whether more of the request took effect';
  const known = soFar === undefined ? '' : `${soFar}; `;
  const detail = `Redis ${what}; ${known}it is not known ${effect}: look before you send it again`;
  const code = redisCode === undefined ? 'QUEUE_UNAVAILABLE' : 'REDIS_REFUSED';
  return new Problem(code, detail, { cause: error, accepted: 'unknown', redisCode });
}
