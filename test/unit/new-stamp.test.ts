import { expect, test } from 'vitest';
import { digestOfJob } from '../../src/jobs/job-data.js';
import { withNewStamp } from '../../src/jobs/new-stamp.js';

const STAMP = { sentAtMs: 1_800_000_000_000, windowMs: 77 };

test.each([
  [
    'of a keyed job',
    '{"v":2,"sentAtMs":5,"windowMs":60000,"idempotencyKeys":{"0":"k"},"updates":[{"key":"a"}]}',
    60_000,
  ],
  ['of a job without keys', '{"v":2,"sentAtMs":5,"updates":[{"key":"a","by": 1.0e3,"key":"b"}]}', undefined],
  [
    'in a Cluster',
    '{"v":2,"sentAtMs":5,"windowMs":9,"slots":[7,8],"idempotencyKeys":{"1":["o","k"]},"updates":[1,2]}',
    9,
  ],
])('data %s keep all but their stamp, and their digest', (_what, text, windowMs) => {
  const stamped = withNewStamp(text, STAMP) ?? '';

  expect(stamped).toBe(text.replace('"sentAtMs":5', `"sentAtMs":${STAMP.sentAtMs}`));
  expect(JSON.parse(stamped)).toMatchObject({ sentAtMs: STAMP.sentAtMs, ...(windowMs !== undefined && { windowMs }) });
  expect(digestOfJob(stamped)).toBe(digestOfJob(text));
});

test('data that somebody else wrote get a stamp, and a window if they hold a key, but not the version of Tally', () => {
  const keyed = '{"updates": [{"key":"a"}], "idempotencyKeys": {"0":"k"}}';
  const once = withNewStamp(keyed, { ...STAMP, sentAtMs: 5 }) ?? '';

  expect(once).toBe(`{"sentAtMs":5,"windowMs":77,${keyed.slice(1)}`);
  expect(withNewStamp(once, { ...STAMP, sentAtMs: 6 })).toBe(`{"sentAtMs":6,"windowMs":77,${keyed.slice(1)}`);
  expect(withNewStamp('{"updates":[{"key":"a"}]}', STAMP)).toBe(
    `{"sentAtMs":${STAMP.sentAtMs},"updates":[{"key":"a"}]}`,
  );
});

test.each([
  ['no JSON', '{"updates":'],
  ['no object', '[]'],
  ['without updates', '{"v":2,"sentAtMs":5}'],
  ['with a stamp in another place', '{"updates":[{"key":"a"}],"sentAtMs":5}'],
  ['with a version in another place', '{"updates":[1],"v":2,"idempotencyKeys":{"0":"k"},"windowMs":"x"}'],
])('data that are %s can not have one', (_what, text) => {
  expect(withNewStamp(text, STAMP)).toBeUndefined();
});

test('a stamp that is not a time is none', () => {
  expect(withNewStamp('{"v":2,"sentAtMs":5,"updates":[1]}', { ...STAMP, sentAtMs: Infinity })).toBeUndefined();
});
