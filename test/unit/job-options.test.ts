import { expect, test } from 'vitest';
import { ATTEMPTS, backoffMs, JOB_OPTIONS } from '../../src/jobs/job-options.js';

const attempts = Array.from({ length: ATTEMPTS }, (_none, index) => index + 1);

test('the backoff doubles from 100 ms to 30 s and stays there', () => {
  const full = attempts.map((attempt) => backoffMs(attempt, () => 0));

  expect(full.slice(0, 10)).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000]);
  expect(full.slice(10)).toEqual(full.slice(10).map(() => 30_000));
});

test('chance takes off half of it at most', () => {
  for (const attempt of attempts) {
    const full = backoffMs(attempt, () => 0);
    expect(backoffMs(attempt, () => 0.5)).toBe(full * 0.75);
    expect(backoffMs(attempt, () => 1 - Number.EPSILON)).toBe(full / 2);
  }
});

test('it is a whole number within these bounds with real chance too, however many attempts there were', () => {
  for (const attempt of [...attempts, 100, 1_000, 10_000]) {
    const delay = backoffMs(attempt);
    expect(Number.isInteger(delay)).toBe(true);
    expect(delay).toBeGreaterThanOrEqual(50);
    expect(delay).toBeLessThanOrEqual(30_000);
  }
});

test('all attempts together take some minutes', () => {
  const totalMs = attempts.slice(0, -1).reduce((sum, attempt) => sum + backoffMs(attempt, () => 0.5), 0);

  expect(JOB_OPTIONS.attempts).toBe(ATTEMPTS);
  expect(totalMs).toBeGreaterThan(4 * 60_000);
  expect(totalMs).toBeLessThan(6 * 60_000);
});
