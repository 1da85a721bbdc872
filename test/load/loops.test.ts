import { expect, test } from 'vitest';
import type { Sample } from '../../loadtest/load/result.js';
import { startApi } from '../support/http-api.js';
import { place } from '../support/tally.js';
import { runHere } from './run-here.js';

test('an open loop submits at its rate, whatever the answers do', async () => {
  const here = place();
  await here.worker();
  const { tally } = await runHere(here, undefined, { rate: '500', duration: '1s' });
  expect(tally.counts).toEqual({ submitted: 500, acknowledged: 500, refused: 0, unknown: 0, completed: 500 });
  expect(tally.latency.acknowledgement?.count).toBe(500);
  expect(tally.latency.outcome.count).toBe(500);
  expect(tally.verdict.exact).toBe(true);
});

test('the time of an update counts from when it was due, also when the sender itself was late', async () => {
  const here = place();
  await here.worker();
  const stallMs = 600;
  let stalled = false;
  const stall = () => {
    const until = performance.now() + stallMs;
    while (!stalled && performance.now() < until) {
      // as a sender that is busy with something else
    }
    stalled = true;
  };
  const { tally } = await runHere(
    here,
    undefined,
    { rate: '200', duration: '2s', mix: 'counter=1' },
    {
      view: { sample: stall },
    },
  );
  expect(tally.latency.acknowledgement?.p99Ms).toBeGreaterThan(stallMs * 0.8);
  expect(tally.late?.afterMs).toBe(10);
  expect(tally.late?.updates).toBeGreaterThan(0.8 * 0.2 * stallMs); // 200 a second were due while it stood still
});

test('of what was due in the warm-up no times count, and all totals do', async () => {
  const here = place();
  await here.worker();
  const { tally } = await runHere(here, undefined, { rate: '500', duration: '2s', warmUp: '1s' });
  expect(tally.warmUpMs).toBe(1_000);
  expect(tally.counts.completed).toBe(1_000);
  expect(tally.latency.outcome.count).toBeGreaterThan(450);
  expect(tally.latency.outcome.count).toBeLessThan(550);
  expect(tally.verdict.exact).toBe(true);
});

test('callers of a closed loop have one update under way each', async () => {
  const here = place();
  await here.worker();
  const { tally } = await runHere(here, undefined, { concurrency: '8', duration: '2s' });
  expect(tally.counts.completed).toBe(tally.counts.submitted);
  expect(tally.samples.every(({ inFlight, backlog }) => inFlight + backlog <= 8)).toBe(true);
  expect(tally.verdict.exact).toBe(true);
});

test('a load ends when as many updates as allowed are submitted', async () => {
  const here = place();
  await here.worker();
  const { tally } = await runHere(here, undefined, { concurrency: '8', duration: '30s', updates: '100', batch: '7' });
  expect(tally.counts.submitted).toBe(100);
});

test.each([
  { loop: 'open', flags: { rate: '300' } },
  { loop: 'closed', flags: { concurrency: '4' } },
])('over HTTP an $loop loop posts updates and learns their outcomes', async ({ flags }) => {
  const here = place();
  await here.worker();
  const { origin } = await startApi(here);
  const http = { target: 'http', url: origin, duration: '1s', batch: '3', idempotent: '50%' };
  const { tally, settings } = await runHere(here, undefined, { ...http, ...flags });
  expect(settings.targetUrl).toBe(origin);
  expect(tally.counts.completed).toBe(tally.counts.submitted);
  expect(tally.counts.submitted).toBeGreaterThan(0);
  expect(tally.latency.acknowledgement).toBeUndefined();
  expect(tally.verdict.exact).toBe(true);
});

test('outcomes that come after the answer to a request are asked for', async () => {
  const here = place();
  const { origin } = await startApi(here);
  const flags = { target: 'http', url: origin, mix: 'counter=1', rate: '50', duration: '500ms' };
  let starting: Promise<unknown> | undefined;
  const sample = ({ backlog }: Sample) => {
    if (backlog === 25) {
      starting ??= here.worker(); // only now, when all requests are answered without an outcome
    }
  };
  const { tally } = await runHere(here, undefined, flags, { view: { sample } });
  expect(starting).toBeDefined();
  expect(tally.counts).toMatchObject({ submitted: 25, completed: 25 });
  expect(tally.verdict.exact).toBe(true);
});
