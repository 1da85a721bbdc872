import { expect, test } from 'vitest';
import { SCENARIOS } from '../../loadtest/load/scenarios.js';
import { place } from '../support/tally.js';
import { countOf, runHere } from './run-here.js';

test('a flash sale sells exactly what is in stock, and nobody else gets one', async () => {
  const here = place();
  await here.worker();
  const result = await runHere(here, 'flash-sale', {});
  expect(result.tally.verdict).toMatchObject({ exact: true, cells: 1, complaints: [] });
  expect(result.tally.counts).toMatchObject({ submitted: 10_000, acknowledged: 10_000, completed: 10_000 });
  expect(countOf(result, 'applied')).toBe(1_000);
  expect(countOf(result, 'rejected')).toBe(9_000);
});

test('a spike hits one counter, at a rate that grows', async () => {
  const here = place();
  await here.worker();
  const { tally } = await runHere(here, 'blog-spike', { rate: '400', duration: '1s' });
  expect(tally.verdict).toMatchObject({ exact: true, cells: 1 });
  expect(tally.counts.submitted).toBe(300); // three quarters: the first half grows from nothing
});

test('a tournament changes the points of pairs on one leaderboard', async () => {
  const here = place();
  await here.worker();
  const { tally } = await runHere(here, 'tournament', { duration: '1s', keys: '10' });
  expect(tally.verdict).toMatchObject({ exact: true, cells: 10 });
  expect(tally.outcomes.map(({ operation, status }) => `${operation} ${status}`)).toEqual(['scores.add applied']);
});

test('of updates that are delivered twice, each counts once', async () => {
  const here = place();
  await here.worker();
  const result = await runHere(here, 'redelivery', { duration: '1s', rate: '300' });
  const { tally } = result;
  expect(tally.verdict.exact).toBe(true);
  const repeats = tally.outcomes.reduce((sum, { duplicates }) => sum + duplicates, 0);
  expect(tally.counts.submitted).toBeGreaterThan(250);
  expect(repeats).toBe(tally.counts.submitted / 2);
});

test('of 10,000 who reserve some pay, and what is not sold is there in the end', async () => {
  const here = place();
  await here.worker();
  const { tally } = await runHere(here, 'checkout', {});
  const counts = Object.fromEntries(
    tally.outcomes.map(({ operation, status, count }) => [`${operation} ${status}`, count]),
  );
  expect(tally.verdict).toMatchObject({ exact: true, cells: 1, complaints: [] });
  expect(counts['inventory.reserve applied']).toBe(10_000);
  expect(counts['inventory.confirm applied']).toBeGreaterThan(5_700);
  expect(counts['inventory.release applied']).toBeGreaterThan(1_700);
  expect(Object.keys(counts)).toHaveLength(3);
});

test('behind slow workers a backlog grows, and drains', async () => {
  const here = place();
  await here.worker({ concurrency: 1 });
  const { tally } = await runHere(here, 'slow-worker', { duration: '1s' });
  expect(tally.verdict.exact).toBe(true);
  expect(tally.counts.acknowledged).toBeGreaterThan(0);
  expect(Math.max(...tally.samples.map(({ backlog }) => backlog))).toBeGreaterThan(0);
  expect(tally.samples.at(-1)?.backlog).toBe(0);
  expect(tally.batchSizes.map(({ to }) => to)).toEqual([1]);
});

test('every scenario says what it does', () => {
  expect(SCENARIOS.map(({ name }) => name)).toEqual([
    'flash-sale',
    'blog-spike',
    'tournament',
    'redelivery',
    'checkout',
    'slow-worker',
  ]);
  expect(SCENARIOS.every(({ text }) => text.endsWith('.'))).toBe(true);
});
