import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import type { InspectedCell } from './inspect-cell.js';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import express, { Router } from 'express';
import { PAGE_ASSETS } from '../page-script.js';
import { ASSETS_PATH } from './links.js';

/** The value over time, drawn by `chart-script.ts`; the table below it says the same to those who can't see it. */
export function chart({ changes, value }: InspectedCell, nowMs: number): Html | undefined {
  const [latest] = changes;
  if (latest === undefined) {
    return undefined;
  }
  const points = changes.map(({ atMs, after }) => [atMs / 1000, after ?? 0]).reverse();
  const earliest = changes.at(-1) ?? latest;
  points.unshift([earliest.atMs / 1000, earliest.before]);
  if (value !== undefined) {
    points.push([Math.max(nowMs, latest.atMs) / 1000, value]);
  }
  return html`<figure
    class="card"
    id="chart"
    aria-label="The value over time"
    data-points="${JSON.stringify(points)}"
  ></figure>`;
}

/**
 * Runs in the browser, after uPlot. A value stays until the next change, hence steps. Times are those of the reader, in 24 hours: for
 * each distance of the ticks how they are written, and what stands below the first one of a day.
 */
const CHART_SCRIPT = `const figure = document.getElementById('chart');
const points = JSON.parse(figure.dataset.points);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const axis = { stroke: colour('--muted-foreground'), grid: { stroke: colour('--border'), width: 1 } };
const size = () => ({ width: figure.clientWidth - 32, height: 260 });
const day = '\\n{YYYY}-{MM}-{DD}';
const stamps = [
  [86400, '{MM}-{DD}', '\\n{YYYY}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', day, null, day, null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', day, null, day, null, null, null, 1],
  [0.001, '{HH}:{mm}:{ss}.{fff}', day, null, day, null, null, null, 1],
];
const chart = new uPlot(
  {
    ...size(),
    series: [
      { label: 'Time (' + Intl.DateTimeFormat().resolvedOptions().timeZone + ')', value: '{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}' },
      { label: 'Value', stroke: colour('--series'), width: 2, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } },
    ],
    axes: [
      { ...axis, values: stamps, space: 80 },
      { ...axis, size: (_chart, labels) => 24 + 7 * Math.max(1, ...(labels ?? []).map((label) => label.length)) },
    ],
  },
  [points.map(([at]) => at), points.map(([, value]) => value)],
  figure,
);
addEventListener('resize', () => chart.setSize(size()));
`;

const require = createRequire(import.meta.url);

/** Its folder only: it is made for browsers. */
const UPLOT = join(dirname(require.resolve('uplot/package.json')), 'dist');

/** What a page with a chart loads, in this order. */
export const CHART_ASSETS = {
  styles: [`${ASSETS_PATH}/uPlot.min.css`],
  scripts: [...PAGE_ASSETS.scripts, `${ASSETS_PATH}/uPlot.iife.min.js`, `${ASSETS_PATH}/chart.js`],
} as const;

/** Serves uPlot and the script that uses it. */
export function chartAssets(): Router {
  const router = Router({ caseSensitive: true });
  router.get(`${ASSETS_PATH}/chart.js`, (_request, response) => {
    response.type('text/javascript').send(CHART_SCRIPT);
  });
  router.use(ASSETS_PATH, express.static(UPLOT, { index: false, cacheControl: false }));
  return router;
}
