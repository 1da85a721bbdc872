import type { Sample } from '../result.js';
import type { Chart, Line } from './chart.js';
import { marksOf } from './nemeses.js';
import { namedBySide } from './sides.js';
import type { Side } from './sides.js';

/** A figure that every second has. */
interface Figure {
  readonly name: string;
  readonly dashed: boolean;
  readonly of: (sample: Sample, lengthMs: number) => number | undefined;
}

interface TimeChart {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly logarithmic?: boolean;
  readonly figures: readonly Figure[];
}

/** A rate reckoned from a shorter span says more about the clock than about the load. */
const SHORTEST_SPAN_MS = 500;

const CHARTS: readonly TimeChart[] = [
  {
    id: 'throughput',
    title: 'Throughput',
    unit: 'updates/s',
    figures: [
      { name: 'completed', dashed: false, of: ({ completed }, lengthMs) => perSecond(completed, lengthMs) },
      { name: 'submitted', dashed: true, of: ({ submitted }, lengthMs) => perSecond(submitted, lengthMs) },
    ],
  },
  {
    id: 'backlog',
    title: 'Backlog',
    unit: 'updates',
    figures: [
      { name: 'accepted, no outcome yet', dashed: false, of: ({ backlog }) => backlog },
      { name: 'in flight', dashed: true, of: ({ inFlight }) => inFlight },
    ],
  },
  {
    id: 'latency-over-time',
    title: 'Latency to the outcome',
    unit: 'ms, of each second',
    logarithmic: true,
    figures: [
      { name: 'p50', dashed: false, of: ({ p50Ms }) => p50Ms },
      { name: 'p99', dashed: true, of: ({ p99Ms }) => p99Ms },
    ],
  },
  {
    id: 'errors-over-time',
    title: 'Errors',
    unit: 'in each second',
    figures: [{ name: 'errors', dashed: false, of: ({ errors }) => errors }],
  },
];

/** Throughput, backlog and latency second by second; errors only when there were any. */
export function timeCharts(sides: readonly Side[]): Chart[] {
  const anyErrors = sides.some(({ found }) => found.samples.some(({ errors }) => errors > 0));
  return CHARTS.filter(({ id }) => id !== 'errors-over-time' || anyErrors).map((chart) => chartOver(sides, chart));
}

function chartOver(sides: readonly Side[], { id, title, unit, logarithmic = false, figures }: TimeChart): Chart {
  const samplesBySide = sides.map((side) => ({ side, samples: bySecond(side.found.samples) }));
  const x = [...new Set(samplesBySide.flatMap(({ samples }) => [...samples.keys()]))].sort((a, b) => a - b);
  const lines: Line[] = samplesBySide.flatMap(({ side, samples }) =>
    figures.map(({ name, dashed, of }) => ({
      name: namedBySide(sides, side, name),
      compared: side.compared,
      dashed,
      values: x.map((second) => {
        const found = samples.get(second);
        return found === undefined ? null : (of(found.sample, found.lengthMs) ?? null);
      }),
    })),
  );
  return { id, title, along: 'Second', unit, shape: 'lines', logarithmic, x, lines, marks: marksOf(sides) };
}

interface Spanned {
  readonly sample: Sample;
  readonly lengthMs: number;
}

/**
 * Samples by their second, so that both sides share the axis although their timers differ by some ms. The last one may
 * be shorter, and keeps its tenth.
 */
function bySecond(samples: readonly Sample[]): Map<number, Spanned> {
  const found = new Map<number, Spanned>();
  samples.forEach((sample, index) => {
    const second = Math.round(sample.atMs / 1000);
    const lengthMs = sample.atMs - (samples[index - 1]?.atMs ?? 0);
    found.set(found.has(second) || lengthMs < SHORTEST_SPAN_MS ? tenth(sample.atMs) : second, { sample, lengthMs });
  });
  return found;
}

function tenth(ms: number): number {
  return Math.round(ms / 100) / 10;
}

function perSecond(updates: number, lengthMs: number): number | undefined {
  return lengthMs < SHORTEST_SPAN_MS ? undefined : Math.round((updates * 1000) / lengthMs);
}
