import { QueueUnavailableError, RedisRefusedError } from '../errors.js';
import type { Submission } from './submission.js';

/**
 * The submissions of several updates, which may have left in several jobs.
 *
 * @throws QueueUnavailableError saying how many were accepted, when not all were
 */
export async function allOf(submissions: readonly Promise<Submission>[]): Promise<Submission[]> {
  const results = await Promise.allSettled(submissions);
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
  const [first] = failures;
  if (first === undefined) {
    return Promise.all(submissions);
  }
  const accepted = results.length - failures.length;
  if (accepted === 0) {
    throw failures.find(leavesItOpen) ?? first;
  }
  const message =
    `${accepted} of ${results.length} updates were accepted, then: ${first.message}; send all of them ` +
    'again with the same idempotency keys, and each takes effect once';
  const options = { cause: first, accepted: 'some' } as const;
  throw first instanceof RedisRefusedError
    ? new RedisRefusedError(first.redisCode, message, options)
    : new QueueUnavailableError(message, options);
}

/** Of several failures, one that does not rule out acceptance speaks for all. */
function leavesItOpen(failure: Error): boolean {
  return failure instanceof QueueUnavailableError && failure.accepted !== 'none';
}
