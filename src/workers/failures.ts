import type { UnrecoverableError } from 'bullmq';
import { bullmq } from '../bullmq/bullmq.js';
import { ValidationError } from '../errors.js';
import { encodeFailure, isFailure } from '../jobs/form.js';
import type { JobFailure } from '../jobs/form.js';
import { withoutUser } from '../redis/refusal.js';
import { NotReplicatedError } from '../redis/replicas.js';

const NOTHING_APPLIED = 'nothing was applied';
const NOT_KNOWN = 'whether it was applied is not known, and a retry is safe';

/** Stands in what the script says that found a receipt, and could not make it last as long as the attempt may. */
const NOT_TOLD = '; what was applied before can not be told now';

/** Answers of the script which say that what it would have to remember of the job may be forgotten. */
const FORGOTTEN = new Set(['TOO_OLD', 'UNSTAMPED']);

/** A part of the job was applied before, and the rest can't be. */
export class PartlyAppliedError extends Error {
  override readonly name = 'PartlyAppliedError';
}

/**
 * A slot has no master that is known: its connection is gone, and the map of the Cluster is not read anew yet, as for moments of a
 * failover.
 */
export class NoMasterError extends Error {
  override readonly name = 'NoMasterError';
}

/** It could not be found out whether an earlier request or attempt has applied the job: the cause says why. */
export class UndecidedError extends Error {
  override readonly name = 'UndecidedError';
}

/** What became of a job could not be told in the stream of outcomes: the cause says why. */
export class UntoldError extends Error {
  override readonly name = 'UntoldError';
}

/** @throws UndecidedError in place of what keeps Redis from answering */
export async function orUndecided<Answer>(asking: Promise<Answer>): Promise<Answer> {
  try {
    return await asking;
  } catch (error) {
    const isAnswer = error instanceof PartlyAppliedError || error instanceof NotReplicatedError;
    throw isAnswer ? error : new UndecidedError((error as Error).message, { cause: error });
  }
}

/** What a Cluster answers while slots or masters move, or an attempt that waited too long for it. */
const IN_MOTION =
  /^(TRYAGAIN|CLUSTERDOWN|MASTERDOWN|MOVED|ASK|READONLY|LOADING|UNBLOCKED|LEASE_EXPIRED) |attempted to access a non local key/;

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
  if (error instanceof NoMasterError) {
    return true;
  }
  const isOwn =
    error instanceof ValidationError ||
    error instanceof bullmq().UnrecoverableError ||
    error instanceof PartlyAppliedError;
  return !isOwn && AWAY.test(message); // those quote keys and amounts, which may hold anything
}

/**
 * The error with which an attempt fails. Its message becomes the job's `failedReason`. BullMQ tries again after the backoff
 * unless it is an `UnrecoverableError`.
 *
 * @param options.isKnown whether it is certain that nothing of the job was applied, nor will be by a request that is still
 * on its way
 */
export function attemptError(error: unknown, { isKnown }: { readonly isKnown: boolean }): Error {
  const cause = error instanceof Error ? error : new Error(String(error));
  if (isFailure(cause.message)) {
    return cause; // it says so already
  }
  if (error instanceof PartlyAppliedError) {
    return finalError('PARTLY_APPLIED', error.message, false);
  }
  if (error instanceof ValidationError) {
    return finalError(error.code, error.message, isKnown);
  }
  if (error instanceof UndecidedError) {
    return attemptError(error.cause, { isKnown: false });
  }
  const { code, words } = readRedisError(cause);
  if (cause.name === 'ReplyError' && FORGOTTEN.has(code)) {
    return finalError(code, words, false);
  }
  return new Error(encodeFailure(failure(code, words, isKnown && !words.includes(NOT_TOLD))), { cause });
}

/** The error of a job whose only update can't be applied: it fails at once and stays for an operator. */
export function outcomeError({ status, reason, message }: JobFailure, form: number): UnrecoverableError {
  const words = status === 'failed' ? `${message}; ${NOTHING_APPLIED}` : message;
  return new (bullmq().UnrecoverableError)(encodeFailure({ status, reason, message: words }, form));
}

function finalError(code: string, words: string, isKnown: boolean): UnrecoverableError {
  return new (bullmq().UnrecoverableError)(encodeFailure(failure(code, words, isKnown)));
}

function failure(reason: string, words: string, isKnown: boolean): JobFailure {
  return isKnown
    ? { status: 'failed', reason, message: `${words}; ${NOTHING_APPLIED}` }
    : { status: 'unknown', reason, message: `${words}; ${NOT_KNOWN}` };
}

/** Redis starts its errors with a code in capitals; an error of the connection has none. */
function readRedisError({ message: told }: Error): { code: string; words: string } {
  const message = withoutUser(told);
  const match = /^([A-Z_]{3,}) (.*)$/s.exec(message);
  const [, code, words] = match ?? [];
  return code !== undefined && words !== undefined ? { code, words } : { code: 'REDIS_UNAVAILABLE', words: message };
}
