import { describe, expect, test } from 'vitest';
import {
  decodeFailure,
  decodeRecord,
  encodeFailure,
  encodeRecord,
  endedByOthers,
  FORM,
  isFailure,
  recordHead,
} from '../../src/jobs/form.js';

const record = { digest: 'aZ09_-xy', outcomes: ['5,3', '!CODE,1', '?WRONG_TYPE,1', '*TOO_OLD', '=5', '~', '', '1|2'] };

describe('a record', () => {
  test('is read as it was written, in this form and in older ones', () => {
    for (const form of [1, FORM]) {
      expect(decodeRecord(encodeRecord(form, record))).toEqual(record);
    }
    expect(encodeRecord(FORM, record)).toBe('tally/2 aZ09_-xy 5,3;!CODE,1;?WRONG_TYPE,1;*TOO_OLD;=5;~;;1|2');
  });

  test('begins with the head that the script is given', () => {
    expect(encodeRecord(FORM, record).startsWith(recordHead(FORM, record.digest))).toBe(true);
  });

  test('may hold any words of a plan', () => {
    const outcomes = ['?PLAN_ERROR,user_script:12: a\nb c'];
    expect(decodeRecord(encodeRecord(FORM, { digest: 'd', outcomes }))).toEqual({ digest: 'd', outcomes });
  });

  test.each([
    `tally/${FORM + 1} aZ09_-xy 5`,
    'tally/x aZ09_-xy 5',
    'tally/2 aZ09_-xy',
    ' tally/2 aZ09_-xy 5',
    '5',
    '',
    undefined,
    null,
    5,
    { outcomes: 'tally/2 aZ09_-xy 5' },
  ])('of a newer version, or of somebody else, is none: %j', (text) => {
    expect(decodeRecord(text)).toBeUndefined();
  });
});

describe('the failedReason of a job', () => {
  test.each(['failed', 'unknown'] as const)('reads as the outcome %s that it was written for', (status) => {
    const failure = { status, reason: 'WRONG_TYPE', message: '"a": holds\na list; nothing was applied' };

    expect(encodeFailure(failure)).toBe(`tally/2 ${status} WRONG_TYPE: "a": holds\na list; nothing was applied`);
    expect(decodeFailure(encodeFailure(failure))).toEqual(failure);
    expect(decodeFailure(encodeFailure(failure, 1))).toEqual(failure);
    expect(isFailure(encodeFailure(failure))).toBe(true);
  });

  test.each(['job stalled more than allowable limit', 'WRONG_TYPE: "a" holds a list', 'tally/2 applied A: b', ''])(
    'that somebody else wrote (%j) leaves open whether the job was applied',
    (text) => {
      expect(isFailure(text)).toBe(false);
      expect(decodeFailure(text)).toEqual({
        status: 'unknown',
        reason: 'FOREIGN_WORKER',
        message: expect.stringContaining(`"${text}"`) as string,
      });
    },
  );

  test('of a job that others ended says how, and that a retry is safe', () => {
    expect(endedByOthers('it said "no"').message).toMatch(/it said "no"; a retry applies it if it was not applied$/);
  });
});
