import { expect, test } from 'vitest';
import { compareWith } from '../../loadtest/load/baseline.js';
import { judgeSlos, readSlos } from '../../loadtest/load/slo.js';
import { limitsSection } from '../../loadtest/load/report/limits.js';
import type { Side } from '../../loadtest/load/report/sides.js';
import { summarySection } from '../../loadtest/load/report/summary.js';
import type { LoadResult, Sample, SideResult } from '../../loadtest/load/result.js';

function sideOf(found: Partial<SideResult> = {}): SideResult {
  const outcome = { count: 100, meanMs: 5, p50Ms: 4, p90Ms: 9, p99Ms: 50, p999Ms: 80, maxMs: 90, curve: [] };
  const counts = { submitted: 1_000, acknowledged: 999, refused: 1, unknown: 0, completed: 999 };
  const errors = [{ message: 'refused', count: 1 }];
  return { counts, perSecond: 500, latency: { outcome }, errors, submittingMs: 30_000, ...found } as SideResult;
}

test.each([
  ['p99<50ms', 50, true],
  ['p99<49.9ms', 50, false],
  ['p99<=0.05s', 50, true],
  ['p99.9<80ms', 80, true],
  ['errors<0.1%', 0.1, true],
  ['errors<0.09', 0.1, false],
  ['late<1%', 2, false],
  ['rate>500', 500, true],
  ['rate>501/s', 500, false],
])('%s of a load with %d is kept: %s', (text, value, held) => {
  const side = sideOf({ late: { afterMs: 10, updates: 20 } });
  expect(judgeSlos(readSlos(text), side)).toEqual([{ text, value, held }]);
});

test('where nothing came through, no limit of latency is kept', () => {
  const nothing = { count: 0, meanMs: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0, curve: [] };
  expect(judgeSlos(readSlos('p99<50ms'), sideOf({ latency: { outcome: nothing } }))).toMatchObject([{ held: false }]);
});

test.each(['', 'p99', 'p99<50', 'p98<50ms', 'errors<5ms', 'p99<50ms,', 'rate>5%', 'constructor<5', 'p99<-1ms'])(
  'the limit "%s" is refused with what fits',
  (text) => {
    expect(() => readSlos(text)).toThrow('--slo must be limits such as p99<50ms');
  },
);

/** Seconds of a load whose p99 is around a value. */
function resultOf(p99Ms: number, swing: number, seconds = 31): LoadResult {
  const samples = Array.from({ length: seconds }, (_, n): Sample => {
    const shifted = p99Ms + (n % 2 === 0 ? swing : -swing);
    return {
      atMs: (n + 1) * 1_000,
      submitted: 100,
      completed: 100,
      backlog: 0,
      inFlight: 0,
      errors: 0,
      p50Ms: 2,
      p99Ms: shifted,
    };
  });
  const machine = { tally: '0.1.0', node: 'v20', redis: 'Redis 7', platform: 'linux', cores: 2 };
  return { settings: { rate: 1 }, machine, tally: sideOf({ samples, submittingMs: 31_000 }) } as unknown as LoadResult;
}

const p99Of = (before: LoadResult, now: LoadResult) =>
  compareWith(before, now).figures.find(({ name }) => name === 'p99');

test('a difference within the noise of the seconds is none, and one beyond it is', () => {
  expect(p99Of(resultOf(50, 20), resultOf(55, 20))).toMatchObject({ before: 50, now: 55, beyondNoise: false });
  expect(p99Of(resultOf(50, 2), resultOf(55, 2))).toMatchObject({ beyondNoise: true });
  expect(p99Of(resultOf(50, 20), resultOf(90, 20))).toMatchObject({ beyondNoise: true });
  expect(p99Of(resultOf(50, 0, 4), resultOf(90, 0, 4))).toMatchObject({ beyondNoise: false }); // of so few nothing is known
});

test('other settings, and another machine, are named', () => {
  const other = resultOf(50, 2);
  const changed = {
    ...other,
    settings: { keys: 5 },
    machine: { ...other.machine, cores: 64 },
  } as unknown as LoadResult;
  expect(compareWith(other, changed)).toMatchObject({ differentSettings: ['keys'], otherMachine: true });
});

const textOf = (html: { toString(): string } | undefined) =>
  html
    ?.toString()
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');

test('the report says which limits were kept and which were not, and what left late', () => {
  const slo = [
    { text: 'p99<50ms', value: 1_234.567, held: false },
    { text: 'errors<0.1%', value: 0, held: true },
  ];
  const shown = limitsSection({ slo } as unknown as LoadResult);
  expect(textOf(shown)).toMatch(/1 limit of 2 not kept.*p99&lt;50ms 1,234.57 ms no .*errors&lt;0.1% 0 % yes/);
  expect(shown?.toString()).toContain('<span class="error">no</span>');
  expect(limitsSection({} as LoadResult)).toBeUndefined();
  const found = sideOf({ late: { afterMs: 10, updates: 1_234 }, drainMs: 0 });
  const [open, closed] = [found, sideOf({ drainMs: 0 })].map((side) =>
    textOf(summarySection([{ title: 'Tally', found: side }] as unknown as readonly Side[])),
  );
  expect(open).toContain('Left late by the load itself 1,234, by more than 10 ms');
  expect(closed).toMatch(/Left late by the load itself With an outcome/);
});
