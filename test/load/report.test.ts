import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import type { LoadFlags } from '../../loadtest/load/flags.js';
import { withLoadFlags } from '../../loadtest/load/flags.js';
import { readPlan } from '../../loadtest/load/plan.js';
import { commandOf } from '../../loadtest/load/report/command.js';
import { Html } from '../../src/web/html.js';
import { renderReport } from '../../loadtest/load/report/render.js';
import type { Latency, LoadResult, Sample, SideResult, Verdict } from '../../loadtest/load/result.js';
import { PHONE, startBrowser } from '../support/browser.js';
import type { VisitorOptions } from '../support/browser.js';
import { place } from '../support/tally.js';
import { runHere } from './run-here.js';

const HOSTILE = `</script><img src="x" onerror="document.title='hurt'"><!--<script>`;

const WRONG: Verdict = {
  ...{ exact: false, cells: 320, differing: 3, lost: 5, doubled: 2, negativeStocks: 1, uncertain: 4, undrained: 0 },
  complaints: ['1003 of 1000 units were sold to 10000 buyers, instead of 1000'],
  differences: [
    {
      ...{ cell: 'load:1f3a:counter:17', family: 'counter', kind: 'lost' },
      ...{ expectedLow: 70, expectedHigh: 74, found: 65, amount: 5 },
    },
    {
      ...{ cell: 'load:1f3a:leaderboard, member player:3', family: 'scores', kind: 'doubled' },
      ...{ expectedLow: 10, expectedHigh: 10, found: 12, amount: 2 },
    },
    {
      ...{ cell: 'load:1f3a:stock:4', family: 'inventory', kind: 'negative-stock' },
      ...{ expectedLow: 0, expectedHigh: 0, found: -3, amount: 3 },
    },
  ],
};

test('the verdict on totals is the first thing that the report says', async () => {
  const { page, errors, outside } = await open(resultOf({ tally: sideOf('tally') }));
  expect(await page.locator('main > *:first-child h1').innerText()).toBe(
    '12,345 updates acknowledged, every total exact',
  );
  expect(await colorsOf(page, 'h1')).toMatchObject({ text: await colorNamed(page, '--foreground') });
  expect({ errors, outside }).toEqual({ errors: [], outside: [] });
});

test('a load that has just run has its figures in the report', async () => {
  const here = place();
  await here.worker();
  const result = await runHere(here, undefined, { duration: '2s', rate: '200' });
  const { page, errors } = await open(result);
  expect(await page.locator('h1').innerText()).toBe('400 updates acknowledged, every total exact');
  await expectDrawn(page, ['--series']);
  expect(errors).toEqual([]);
});

test('totals that differ make the verdict red, and each is named with what is wrong', async () => {
  const { page } = await open(resultOf({ passed: false, tally: sideOf('tally', { verdict: WRONG }) }));
  expect(await page.locator('main > *:first-child h1').innerText()).toBe(
    '12,345 updates acknowledged, but 3 of 320 totals wrong: 5 lost, 2 doubled, 1 stock below zero',
  );
  const red = await colorNamed(page, '--destructive');
  expect(await colorsOf(page, 'h1')).toMatchObject({ text: red });
  expect(await colorsOf(page, '.verdict')).toMatchObject({ edge: red });
  const verdict = await page.locator('.verdict').innerText();
  expect(verdict).toContain('1003 of 1000 units were sold to 10000 buyers, instead of 1000');
  expect(verdict).toContain('4 updates may or may not have been accepted');
  expect(await rowsOf(page, '.verdict')).toEqual([
    ['load:1f3a:counter:17', 'lost', '5', '70 to 74', '65'],
    ['load:1f3a:leaderboard, member player:3', 'doubled', '2', '10', '12'],
    ['load:1f3a:stock:4', 'stock below zero', '3', '0', '-3'],
  ]);
});

test('a load that was not accepted at all is no success', () => {
  const counts = { submitted: 10, acknowledged: 0, refused: 10, unknown: 0, completed: 0 };
  const complaints = ['not one update was accepted'];
  const verdict = {
    ...WRONG,
    ...{ differing: 0, differences: [], lost: 0, doubled: 0, negativeStocks: 0 },
    complaints,
  };
  const report = renderReport(resultOf({ passed: false, tally: sideOf('tally', { counts, verdict }) }));
  expect(report).toContain('<h1 class="error">No update was acknowledged: there are no totals to judge</h1>');
});

test('keys, errors and answers are only text, wherever they stand', async () => {
  const difference = { ...WRONG.differences[0]!, cell: HOSTILE, found: HOSTILE };
  const tally = sideOf('tally', {
    verdict: { ...WRONG, differences: [difference], complaints: [HOSTILE] },
    errors: [{ message: HOSTILE, count: 3 }],
    outcomes: [{ operation: HOSTILE, status: 'failed', reason: HOSTILE, count: 1, duplicates: 0 }],
    nemeses: [{ name: 'kill-worker', startMs: 400, endMs: 900, what: HOSTILE }],
  });
  const result = resultOf({ passed: false, tally });
  const settings = { ...result.settings, scenario: HOSTILE, scenarioText: HOSTILE };
  const { page, errors, outside } = await open({ ...result, settings, machine: { ...result.machine, redis: HOSTILE } });
  expect((await page.locator('body').innerText()).split(HOSTILE).length - 1).toBeGreaterThanOrEqual(10);
  expect(await page.locator('img').count()).toBe(0);
  expect(await page.title()).not.toBe('hurt');
  expect(
    Html.data('charts', HOSTILE)
      .toString()
      .match(/<[^\\]/g),
    'but the tags of the element',
  ).toHaveLength(2);
  expect(await page.locator('canvas').count(), 'charts, by the script at the end').toBe(6);
  expect({ errors, outside }).toEqual({ errors: [], outside: [] });
});

test('the Redis that was loaded is named with its masters, replicas and partitions', () => {
  const masters = ['10.0.0.1:6379', '10.0.0.2:6379'];
  const result = resultOf({ tally: sideOf('tally') });
  const topology = { mode: 'cluster', masters, replicas: 2, partitions: 8 } as const;
  const report = renderReport({ ...result, settings: { ...result.settings, topology } });
  expect(report).toContain(
    'a Cluster of 2 masters with 2 replicas, queues in 8 partitions, 10.0.0.1:6379, 10.0.0.2:6379',
  );
  expect(renderReport(result)).toContain('one server, queues not split');
});

test('charts have the colours of their sides, by daylight, by night, and when it gets dark', async () => {
  const both = resultOf({ tally: sideOf('tally'), compared: sideOf('plain-bullmq') });
  const { page } = await open(both, { colorScheme: 'light' });
  await expectDrawn(page, ['--series', '--compared']);
  const byDay = await colorNamed(page, '--series');
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await colorNamed(page, '--series')).not.toBe(byDay);
  await expectDrawn(page, ['--series', '--compared']);
});

test('on paper the charts are drawn in the colours of the day, and as before after that', async () => {
  const { page } = await open(resultOf({ tally: sideOf('tally') }), { colorScheme: 'dark' });
  const byNight = await colorNamed(page, '--series');
  await page.evaluate("dispatchEvent(new Event('beforeprint'))");
  expect(await colorNamed(page, '--series')).not.toBe(byNight);
  await expectDrawn(page, ['--series']);
  await page.evaluate("dispatchEvent(new Event('afterprint'))");
  expect(await colorNamed(page, '--series')).toBe(byNight);
  await expectDrawn(page, ['--series']);
});

test('both sides stand beside each other in every chart and table', async () => {
  const wrong = sideOf('plain-bullmq', { verdict: WRONG });
  const { page } = await open(resultOf({ tally: sideOf('tally'), compared: wrong }));
  expect(await page.locator('h1').innerText()).toContain('every total exact');
  expect(await page.locator('.beside').innerText()).toContain(
    'Plain BullMQ: 12,345 updates acknowledged, but 3 of 320',
  );
  for (const text of await page.locator('figure .legend').allInnerTexts()) {
    expect(text).toMatch(/Tally: .*Plain BullMQ: /s);
  }
  for (const title of ['The load in short', 'Latency, in ms', 'Batch sizes', 'Outcomes', 'Errors']) {
    expect(await page.getByRole('region', { name: title }).first().locator('thead').innerText()).toMatch(
      /Tally.*Plain BullMQ/s,
    );
  }
});

test('a quarter of an hour fits, on a phone too, and every second stands in the tables', async () => {
  const long = { samples: secondsOf(900) };
  const result = resultOf({ tally: sideOf('tally', long), compared: sideOf('plain-bullmq', long) });
  const { page, errors } = await open(result, { viewport: PHONE });
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 'to scroll sideways').toBe(0);
  await expectDrawn(page, ['--compared']);
  expect(
    await page
      .locator('figure', { has: page.locator('#throughput') })
      .locator('tbody tr')
      .count(),
  ).toBe(900);
  expect(errors).toEqual([]);
});

test('a load that ended before its first update has a report, too', async () => {
  const none = { count: 0, meanMs: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0, curve: [] };
  const tally = sideOf('tally', {
    counts: { submitted: 0, acknowledged: 0, refused: 0, unknown: 0, completed: 0 },
    ...{ perSecond: 0, samples: [], batchSizes: [], outcomes: [], errors: [], nemeses: [] },
    latency: { acknowledgement: none, outcome: none },
    verdict: { ...WRONG, complaints: ['not one update was accepted'], differing: 0, differences: [] },
  });
  const { page, errors } = await open(resultOf({ tally, interrupted: true, passed: false }));
  expect(await page.locator('.verdict').innerText()).toMatch(/No update was acknowledged.*stopped early/s);
  expect(await page.locator('canvas').count()).toBe(0);
  expect(await page.locator('body').innerText()).not.toMatch(/NaN|undefined|Infinity/);
  expect(errors).toEqual([]);
});

test('a search tells the highest rate and every step', async () => {
  const steps = [
    { perSecond: 4_000, achievedPerSecond: 3_998, p99Ms: 8.25, held: true },
    { perSecond: 8_000, achievedPerSecond: 6_100, p99Ms: 812, held: false },
  ];
  const tally = sideOf('tally', { search: { p99LimitMs: 50, highestPerSecond: 4_000, steps } });
  const { page } = await open(resultOf({ tally }));
  const section = page.locator('section', { has: page.getByRole('heading', { name: 'Search' }) });
  expect(await section.innerText()).toContain('4,000 updates a second is the highest rate that held a p99 of 50 ms');
  expect(await rowsOf(page, '[aria-label=Search]')).toEqual([
    ['4,000', '3,998', '8.3', 'held'],
    ['8,000', '6,100', '812', 'not held'],
  ]);
});

test.each<{ name: string; scenario?: string; flags: LoadFlags }>([
  {
    name: 'flags alone',
    flags: { rate: '300', ramp: true, mix: 'counter=7,xp=93', keys: '20', skew: '1.25', idempotent: '7%' },
  },
  { name: 'a search', flags: { search: true, p99: '1500ms', duration: '100ms', updates: '30' } },
  { name: 'flash-sale', scenario: 'flash-sale', flags: { concurrency: '20', duration: '100ms' } },
  { name: 'redelivery', scenario: 'redelivery', flags: { rate: '100', batch: '3', duration: '250ms', updates: '20' } },
  { name: 'slow-worker', scenario: 'slow-worker', flags: { duration: '100ms', updates: '50' } },
])('the command in the report does the same again: $name', async ({ scenario, flags }) => {
  const here = place();
  await here.worker();
  const asked = { seed: '7', duration: '200ms', ...flags };
  const command = commandOf(await runHere(here, scenario, asked));
  expect(planOf(command)).toEqual(readPlan(scenario, asked));
});

/** The plan of `npx tally load …`, read as the command line is. */
function planOf(command: string): unknown {
  const parsed = withLoadFlags(new Command()).exitOverride();
  parsed.parse(command.split(' ').slice(3), { from: 'user' });
  return readPlan(parsed.args[0], parsed.opts<LoadFlags>());
}

async function open(result: LoadResult, options: VisitorOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tally-report-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'report.html');
  writeFileSync(file, renderReport(result));
  const visitor = await (await startBrowser()).visit(options);
  await visitor.page.goto(pathToFileURL(file).href);
  return visitor;
}

/** Every chart has pixels of each of these colours. */
async function expectDrawn(page: Page, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const color = await colorNamed(page, name);
    await expect.poll(() => page.evaluate(`(${FEWEST_PIXELS})(${JSON.stringify(color)})`)).toBeGreaterThan(0);
  }
}

/** Runs in the page. Counts whole pixels of a colour, in the chart that has the fewest. */
const FEWEST_PIXELS = `(color) => {
  const wanted = color.match(/\\d+/g).map(Number);
  return Math.min(...[...document.querySelectorAll('canvas')].map((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let at = 0; at < data.length; at += 4) {
      found += data[at + 3] === 255 && wanted.every((part, place) => data[at + place] === part) ? 1 : 0;
    }
    return found;
  }));
}`;

/** A colour of the page, as `rgb(…)`. */
function colorNamed(page: Page, name: string): Promise<string> {
  return page.evaluate(`(() => {
    const probe = document.body.appendChild(document.createElement('i'));
    probe.style.color = 'var(${name})';
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  })()`);
}

function colorsOf(page: Page, selector: string): Promise<{ text: string; edge: string }> {
  return page.evaluate(`(() => {
    const { color, borderLeftColor } = getComputedStyle(document.querySelector('${selector}'));
    return { text: color, edge: borderLeftColor };
  })()`);
}

/** The texts of the cells of the tables within an element. */
function rowsOf(page: Page, selector: string): Promise<string[][]> {
  return page.evaluate(`[...document.querySelectorAll('${selector} tbody tr')].map((row) =>
    [...row.children].map((cell) => cell.innerText.trim()))`);
}

function resultOf(found: Pick<LoadResult, 'tally'> & Partial<LoadResult>): LoadResult {
  return {
    settings: {
      ...{ target: 'queue', targetUrl: 'redis://127.0.0.1:6379', self: false, seed: 42, runId: '1f3a', batch: 1 },
      topology: { mode: 'server', masters: [], replicas: 0 },
      loop: { kind: 'open', perSecond: 400, ramp: false },
      ...{ durationMs: 30_000, updateLimit: 1_000_000, keys: 80, skew: 1, idempotentShare: 0.1, sendings: 1 },
      mix: { counter: 0.6, inventory: 0.2, xp: 0.1, scores: 0.1 },
      nemeses: [],
    },
    machine: { tally: '0.1.0', node: '20.20.2', redis: 'Redis 7.0.15', platform: 'linux x64', cores: 2 },
    interrupted: false,
    passed: true,
    ...found,
  };
}

/** A side as a load finds it; those of the two names differ in speed, so that no line hides another. */
function sideOf(name: SideResult['name'], found: Partial<SideResult> = {}): SideResult {
  const slowness = name === 'tally' ? 1 : 3;
  return {
    name,
    ...{ startedAt: '2026-01-02T03:04:05.678Z', endedAt: '2026-01-02T03:04:36.000Z' },
    ...{ submittingMs: 30_000, drainMs: 812, perSecond: 411 },
    counts: { submitted: 12_349, acknowledged: 12_345, refused: 0, unknown: 4, completed: 12_345 },
    samples: secondsOf(30, slowness),
    latency: { acknowledgement: latencyOf(slowness), outcome: latencyOf(4 * slowness) },
    batchSizes: [
      { from: 1, to: 1, jobs: 345 * slowness, updates: 345 * slowness },
      { from: 3, to: 4, jobs: 3_000, updates: 12_000 },
    ],
    outcomes: [
      { operation: 'counter.increment', status: 'applied', count: 12_000, duplicates: 12 },
      { operation: 'inventory.take', status: 'rejected', reason: 'INSUFFICIENT_STOCK', count: 345, duplicates: 0 },
    ],
    errors: [{ message: 'the answer was lost', count: 4 }],
    nemeses: [],
    verdict: {
      ...{ exact: true, cells: 320, differing: 0, lost: 0, doubled: 0, negativeStocks: 0, uncertain: 4, undrained: 0 },
      ...{ differences: [], complaints: [] },
    },
    ...found,
  };
}

function secondsOf(length: number, slowness = 1): Sample[] {
  return Array.from({ length }, (_, index) => ({
    atMs: (index + 1) * 1_000 + (index % 7),
    ...{ submitted: 400 + (index % 9), completed: 400 / slowness, backlog: 100 * slowness, inFlight: 3 * slowness },
    ...{ errors: slowness, p50Ms: 2.5 * slowness, p99Ms: 11 * slowness },
  }));
}

function latencyOf(ms: number): Latency {
  const curve = [0, 50, 90, 99, 99.9, 100].map((percentile, place) => ({ percentile, ms: ms * (place + 1) }));
  const [, p50Ms = 0, p90Ms = 0, p99Ms = 0, p999Ms = 0, maxMs = 0] = curve.map((point) => point.ms);
  return { count: 12_345, meanMs: ms * 2, p50Ms, p90Ms, p99Ms, p999Ms, maxMs, curve };
}
