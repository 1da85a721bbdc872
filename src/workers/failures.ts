import { UnrecoverableError } from 'bullmq';
import { ValidationError } from '../errors.js';
import type { Outcome } from '../operations/outcome.js';

/**
 * Answers of Redis that pass by themselves and come from within the script, after it looked for the job's
 * receipt: the update was not applied.
 */
const NOT_APPLIED = new Set(['LEASE_EXPIRED', 'OOM', 'NOREPLICAS', 'MISCONF']);

const NOTHING_APPLIED = 'nothing was applied';
const NOT_KNOWN = 'whether it was applied is not known, and a retry is safe';

/** The job can't be read any more, but a part of it was applied before. */
export class PartlyAppliedError extends Error {}

/** What a Cluster answers while slots or masters move, or an attempt that waited too long for it. */
const IN_MOTION = /^(TRYAGAIN|CLUSTERDOWN|MASTERDOWN|MOVED|ASK|READONLY|LOADING|UNBLOCKED|LEASE_EXPIRED) /;

/** What ioredis says when it can't reach a master. */
const AWAY =
  /Too many Cluster redirections|Connection is closed|None of startup nodes|Failed to refresh slots cache|Stream isn't writeable|ECONN|EPIPE/;

/**
 * Whether an attempt failed because the Cluster was in motion, or a part of it away: it counts for nothing, and is made
 * again soon. With one server, ioredis itself waits until it is back.
 */
export function isClusterInMotion(error: unknown): boolean {
  const { name, message } = error as Error;
  if (name === 'ReplyError') {
    return IN_MOTION.test(message);
  }
  const isOwn =
    error instanceof ValidationError || error instanceof UnrecoverableError || error instanceof PartlyAppliedError;
  return !isOwn && AWAY.test(message); // those quote keys and amounts, which may hold anything
}

/**
 * The error with which an attempt fails. Its message becomes the job's `failedReason`: a code, the reason in
 * words, and whether the update was applied. BullMQ tries again after the backoff unless it is an
 * `UnrecoverableError`.
 *
 * @param options.mayBeApplied whatever failed, updates were applied before it, or may have been
 */
export function attemptError(error: unknown, { mayBeApplied = false } = {}): Error {
  const cause = error instanceof Error ? error : new Error(String(error));
  if (cause.message.endsWith(NOTHING_APPLIED) || cause.message.endsWith(NOT_KNOWN)) {
    return cause; // it says so already
  }
  if (error instanceof PartlyAppliedError) {
    return new UnrecoverableError(failedReason('PARTLY_APPLIED', error.message, NOT_KNOWN));
  }
  if (error instanceof ValidationError) {
    return new UnrecoverableError(failedReason(error.code, error.message, NOTHING_APPLIED));
  }
  const { code, words } = readRedisError(cause);
  const applied = NOT_APPLIED.has(code) && !mayBeApplied ? NOTHING_APPLIED : NOT_KNOWN;
  return new Error(failedReason(code, words, applied), { cause });
}

/** The error of a job whose only update can't be applied: it fails at once and stays for an operator. */
export function outcomeError({ reason, message }: Extract<Outcome, { status: 'failed' }>): UnrecoverableError {
  return new UnrecoverableError(failedReason(reason, message, NOTHING_APPLIED));
}

function failedReason(code: string, words: string, applied: string): string {
  return `${code}: ${words}; ${applied}`;
}

/** Redis starts its errors with a code in capitals; an error of the connection has none. */
function readRedisError({ message }: Error): { code: string; words: string } {
  const match = /^([A-Z_]{3,}) (.*)$/s.exec(message);
  const [, code, words] = match ?? [];
  return code !== undefined && words !== undefined ? { code, words } : { code: 'REDIS_UNAVAILABLE', words: message };
}
