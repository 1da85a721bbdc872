import type { Latency } from '../result.js';
import type { Chart, Line, Tick } from './chart.js';
import { figureOf } from './chart.js';
import { count, milliseconds } from './figures.js';
import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';
import { namedBySide } from './sides.js';
import type { Side } from './sides.js';
import { tableOf } from './table.js';

interface Measured {
  readonly name: string;
  readonly side: Side;
  readonly latency: Latency;
  readonly dashed: boolean;
}

const TICKS: readonly Tick[] = [0, 90, 99, 99.9, 99.99, 99.999, 99.9999].map((percentile) => ({
  at: distance(percentile),
  text: percentile === 0 ? '0' : `${percentile} %`,
}));

/** Percentiles of the whole load: the table, and the curve behind it. */
export function latencySection(sides: readonly Side[], curve: Chart): Html {
  return html`<section>
    <h2>Latency</h2>
    <p class="muted">
      Acknowledged: to the moment Redis had the update. Outcome: to the moment its outcome was known. In an open loop
      both count from when the update was due, also when the load test itself was late.
    </p>
    <div class="charts">${percentileTable(measuredOn(sides))} ${figureOf(curve)}</div>
  </section>`;
}

/** Latency by percentile: the further right, the rarer. */
export function latencyCurve(sides: readonly Side[]): Chart {
  const measured = measuredOn(sides).filter(({ latency }) => latency.count > 0);
  const points = measured.map(({ latency }) => placed(latency));
  const x = [...new Set(points.flatMap((point) => [...point.keys()]))].sort((a, b) => a - b);
  const lines: Line[] = measured.map(({ name, side, dashed }, index) => ({
    name,
    compared: side.compared,
    dashed,
    values: x.map((at) => points[index]?.get(at) ?? null),
  }));
  const end = x.at(-1) ?? 0;
  return {
    id: 'latency-by-percentile',
    title: 'Latency by percentile',
    along: 'Percentile',
    unit: 'ms',
    shape: 'lines',
    logarithmic: true,
    x,
    ticks: TICKS.filter(({ at }) => at <= end),
    rowNames: x.map(percentileAt),
    lines,
    marks: [],
  };
}

function measuredOn(sides: readonly Side[]): Measured[] {
  return sides.flatMap((side) => {
    const { acknowledgement, outcome } = side.found.latency;
    const acknowledged = { name: namedBySide(sides, side, 'acknowledged'), side, dashed: true };
    return [
      ...(acknowledgement === undefined ? [] : [{ ...acknowledged, latency: acknowledgement }]),
      { name: namedBySide(sides, side, 'outcome'), side, dashed: false, latency: outcome },
    ];
  });
}

function percentileTable(measured: readonly Measured[]): Html {
  const names = ['p50', 'p90', 'p99', 'p99.9', 'Longest', 'Mean', 'Updates'];
  return tableOf({
    title: 'Latency, in ms',
    columns: [{ title: 'ms' }, ...measured.map(({ name }) => ({ title: name, number: true }))],
    rows: names.map((name, row) => [name, ...measured.map(({ latency }) => percentilesOf(latency)[row] ?? '')]),
  });
}

function percentilesOf({ count: updates, p50Ms, p90Ms, p99Ms, p999Ms, maxMs, meanMs }: Latency): string[] {
  const figures = [p50Ms, p90Ms, p99Ms, p999Ms, maxMs, meanMs].map((ms) => (updates === 0 ? '' : milliseconds(ms)));
  return [...figures, count(updates)];
}

/** The points of a curve by their place. The longest of n lies where one in n does: 100 % would be infinitely far. */
function placed({ curve, count: updates, maxMs }: Latency): Map<number, number> {
  const end = distance(100 - 100 / Math.max(updates, 2));
  const inside = curve.filter(({ percentile }) => percentile < 100 && distance(percentile) < end);
  return new Map([...inside.map(({ percentile, ms }) => [distance(percentile), ms] as const), [end, maxMs]]);
}

/** 0 for 0 %, 1 for 90 %, 2 for 99 %. Rounded so that the same percentile of both sides is one row. */
function distance(percentile: number): number {
  return Math.round(Math.log10(100 / (100 - percentile)) * 1e4) / 1e4;
}

function percentileAt(at: number): string {
  return `${(100 - 100 / 10 ** at).toLocaleString('en', { maximumFractionDigits: 4 })} %`;
}
