import { UnrecoverableError } from 'bullmq';
import { expect, test } from 'vitest';
import { ValidationError } from '../../src/errors.js';
import { decodeFailure } from '../../src/jobs/form.js';
import {
  attemptError,
  isClusterInMotion,
  orUndecided,
  outcomeError,
  PartlyAppliedError,
} from '../../src/workers/failures.js';

const NOTHING = /^tally\/2 failed [A-Z_]+: .*; nothing was applied$/;
const NOT_KNOWN = /^tally\/2 unknown [A-Z_]+: .*; whether it was applied is not known, and a retry is safe$/;

/** What ioredis makes of an error of the server. */
function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

const FAULTS = [
  ...['OOM command not allowed', 'LEASE_EXPIRED too late', 'NOREPLICAS not enough', 'READONLY a replica'].map(
    replyError,
  ),
  ...['Connection is closed.', 'Command timed out'].map((message) => new Error(message)),
];

test.each(FAULTS)('%s means that nothing was applied when that is known, and is tried again', (fault) => {
  const error = attemptError(fault, { isKnown: true });

  expect(error.message).toMatch(NOTHING);
  expect(error).not.toBeInstanceOf(UnrecoverableError);
});

test.each(FAULTS)('%s leaves open whether it was applied when that is not known, and is tried again', (fault) => {
  const error = attemptError(fault, { isKnown: false });

  expect(error.message).toMatch(NOT_KNOWN);
  expect(error).not.toBeInstanceOf(UnrecoverableError);
});

test('the code of Redis is the reason, and an error of the connection has one of its own', () => {
  const reasonOf = (fault: Error) => decodeFailure(attemptError(fault, { isKnown: true }).message);

  expect(reasonOf(replyError('OOM command not allowed'))).toMatchObject({ status: 'failed', reason: 'OOM' });
  expect(reasonOf(new Error('Connection is closed.'))).toMatchObject({ reason: 'REDIS_UNAVAILABLE' });
});

test('what says whether it was applied keeps its words', () => {
  const error = attemptError(replyError('OOM command not allowed'), { isKnown: true });
  expect(attemptError(error, { isKnown: false })).toBe(error);
});

test('a receipt that is there, and can not be kept, is never said to be none', () => {
  const fault = replyError(
    'NOREPLICAS Not enough good replicas to write.; what was applied before can not be told now',
  );
  const error = attemptError(fault, { isKnown: true });

  expect(error.message).toMatch(NOT_KNOWN);
  expect(decodeFailure(error.message)).toMatchObject({ status: 'unknown', reason: 'NOREPLICAS' });
});

test('where receipts could not be read it is not known whether the job was applied', async () => {
  const undecided = await orUndecided(Promise.reject(replyError('LOADING Redis is loading'))).catch(
    (error: unknown) => error,
  );
  expect(attemptError(undecided, { isKnown: true }).message).toMatch(NOT_KNOWN);
});

test.each([true, false])('a job that was applied in part is never said not to be applied (known: %s)', (isKnown) => {
  const error = attemptError(new PartlyAppliedError('unreadable'), { isKnown });

  expect(error).toBeInstanceOf(UnrecoverableError);
  expect(error.message).toMatch(NOT_KNOWN);
});

test.each(['TOO_OLD the job ran before', 'UNSTAMPED the job ran before'])(
  '%s is not tried again, and never said not to be applied',
  (message) => {
    const error = attemptError(replyError(message), { isKnown: true });

    expect(error).toBeInstanceOf(UnrecoverableError);
    expect(error.message).toMatch(NOT_KNOWN);
  },
);

test('invalid data and an update that can not be applied are not tried again', () => {
  const invalid = attemptError(
    new ValidationError([{ path: 'params.by', code: 'INVALID_PARAMS', message: 'too big' }]),
    { isKnown: true },
  );
  const failed = outcomeError({ status: 'failed', reason: 'WRONG_TYPE', message: '"a" holds a hash' }, 2);
  for (const error of [invalid, failed]) {
    expect(error).toBeInstanceOf(UnrecoverableError);
    expect(error.message).toMatch(NOTHING);
  }
});

test('an update of which nobody can tell does not claim that nothing was applied', () => {
  const error = outcomeError({ status: 'unknown', reason: 'TOO_OLD', message: 'it stood for too long' }, 2);

  expect(error).toBeInstanceOf(UnrecoverableError);
  expect(error.message).toBe('tally/2 unknown TOO_OLD: it stood for too long');
});

test('the words of keys and amounts are not taken for those of a Cluster in motion', () => {
  const quoting = new ValidationError([{ path: '', code: 'INVALID_PARAMS', message: 'MOVED Connection is closed' }]);

  expect([quoting, new PartlyAppliedError('ECONNRESET')].map(isClusterInMotion)).toEqual([false, false]);
  expect([replyError('MOVED 1 a'), new Error('Connection is closed.')].map(isClusterInMotion)).toEqual([true, true]);
  expect(isClusterInMotion(replyError('OOM command not allowed'))).toBe(false);
});
