import { UnrecoverableError } from 'bullmq';
import { expect, test } from 'vitest';
import { ValidationError } from '../../src/errors.js';
import { attemptError, outcomeError, PartlyAppliedError } from '../../src/workers/failures.js';

const NOTHING = /; nothing was applied$/;
const NOT_KNOWN = /; whether it was applied is not known, and a retry is safe$/;

test.each(['OOM command not allowed', 'LEASE_EXPIRED too late', 'NOREPLICAS not enough', 'MISCONF no disk'])(
  '%s from the script means that nothing was applied, and is tried again',
  (message) => {
    const error = attemptError(new Error(message));
    expect(error.message).toMatch(NOTHING);
    expect(error).not.toBeInstanceOf(UnrecoverableError);
  },
);

test.each(['READONLY a replica', 'LOADING', 'Connection is closed.', 'Command timed out'])(
  '%s leaves open whether it was applied, and is tried again',
  (message) => {
    const error = attemptError(new Error(message));
    expect(error.message).toMatch(NOT_KNOWN);
    expect(error).not.toBeInstanceOf(UnrecoverableError);
  },
);

test('after the script has answered, no error claims that nothing was applied', () => {
  expect(attemptError(new Error('OOM command not allowed'), { mayBeApplied: true }).message).toMatch(NOT_KNOWN);
  expect(attemptError(new PartlyAppliedError('unreadable')).message).toMatch(NOT_KNOWN);
});

test('what says whether it was applied keeps its words', () => {
  const error = attemptError(new Error('OOM command not allowed'));
  expect(attemptError(error, { mayBeApplied: true })).toBe(error);
});

test('invalid data and an update that can not be applied are not tried again', () => {
  const invalid = attemptError(
    new ValidationError([{ path: 'params.by', code: 'INVALID_PARAMS', message: 'too big' }]),
  );
  const failed = outcomeError({ status: 'failed', reason: 'WRONG_TYPE', message: '"a" holds a hash' });
  for (const error of [invalid, failed]) {
    expect(error).toBeInstanceOf(UnrecoverableError);
    expect(error.message).toMatch(NOTHING);
  }
});
