import { expect, test } from 'vitest';
import { searchRate } from '../../loadtest/load/search.js';
import type { SearchStep } from '../../loadtest/load/result.js';
import { place } from '../support/tally.js';
import { runHere } from './run-here.js';

/** A target that holds up to this rate. */
function holdingUpTo(limit: number) {
  return (perSecond: number): Promise<SearchStep> =>
    Promise.resolve({ perSecond, achievedPerSecond: perSecond, p99Ms: 1, held: perSecond <= limit });
}

test.each([3_300, 1_000, 70, 123_456])('a search comes near to what holds, %i a second', async (limit) => {
  const { highestPerSecond, steps } = await searchRate({ p99LimitMs: 50, firstPerSecond: 1_000 }, holdingUpTo(limit));
  expect(highestPerSecond).toBeLessThanOrEqual(limit);
  expect(highestPerSecond).toBeGreaterThan(limit * 0.9);
  expect(steps.length).toBeLessThanOrEqual(14);
});

test('a search ends when nothing holds', async () => {
  const { highestPerSecond, steps } = await searchRate({ p99LimitMs: 50, firstPerSecond: 8 }, holdingUpTo(0));
  expect(highestPerSecond).toBe(0);
  expect(steps.map(({ perSecond }) => perSecond)).toEqual([8, 4, 2, 1]);
});

test('a search measures each rate on the real thing, and its totals are right', async () => {
  const here = place();
  await here.worker();
  const flags = { search: true, rate: '100', duration: '200ms', p99: '60s', updates: '500', mix: 'counter=1' } as const;
  const { tally, settings } = await runHere(here, undefined, flags);
  expect(settings.loop).toEqual({ kind: 'search', p99LimitMs: 60_000 });
  const { steps = [], highestPerSecond } = tally.search ?? {};
  expect(steps[0]).toMatchObject({ perSecond: 100, achievedPerSecond: expect.any(Number) as number });
  // Which of them hold is the machine's affair.
  expect(highestPerSecond).toBe(Math.max(0, ...steps.flatMap(({ held, perSecond }) => (held ? perSecond : []))));
  expect(tally.verdict.exact).toBe(true);
});

test('a rate that does not hold the limit is not held', async () => {
  const here = place();
  await here.worker();
  const flags = { search: true, rate: '4', duration: '300ms', p99: '1ms', mix: 'counter=1' } as const;
  const { tally } = await runHere(here, undefined, flags);
  expect(tally.search?.steps.some(({ held }) => held)).toBe(false);
  expect(tally.search?.highestPerSecond).toBe(0);
});
