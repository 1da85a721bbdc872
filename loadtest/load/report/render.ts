import type { LoadResult } from '../result.js';
import { batchChart, batchesSection } from './batches.js';
import { CHART_SCRIPT } from './chart-script.js';
import { drawingOf, figureOf } from './chart.js';
import { errorsSection } from './errors.js';
import { moment } from './figures.js';
import { Html, html } from '../../../src/web/html.js';
import { latencyCurve, latencySection } from './latency.js';
import { limitsSection } from './limits.js';
import { nemesesSection } from './nemeses.js';
import { outcomesSection } from './outcomes.js';
import { searchSections } from './search.js';
import { settingsSection } from './settings.js';
import { sidesOf } from './sides.js';
import { STYLESHEET } from './stylesheet.js';
import { summarySection } from './summary.js';
import { timeCharts } from './time-charts.js';
import { uplotScript, uplotStylesheet } from './uplot.js';
import { verdictSection } from './verdict.js';

/** A finished load as one page of HTML that needs nothing but itself: the verdict on totals, then all the figures. */
export function renderReport(result: LoadResult): string {
  const { settings, tally } = result;
  const sides = sidesOf(result);
  const overTime = timeCharts(sides);
  const latency = latencyCurve(sides);
  const batches = batchChart(sides);
  const drawings = [...overTime, latency, batches].filter(({ x }) => x.length > 0).map(drawingOf);
  const scenario = settings.scenario === undefined ? '' : ` ${settings.scenario}`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Load test${scenario}, ${moment(tally.startedAt)} - Tally</title>
        <link rel="icon" href="data:," />
        ${uplotStylesheet()} ${Html.inlined('style', STYLESHEET)}
      </head>
      <body>
        <header class="bar">
          <span class="brand">Tally</span>
          <span>Load test${scenario}</span>
          <span class="muted">${moment(tally.startedAt)}, ${settings.targetUrl}</span>
        </header>
        <main>
          ${verdictSection(result, sides)}
          ${settings.scenarioText !== undefined && html`<p class="muted">${settings.scenarioText}</p>`}
          ${limitsSection(result)} ${summarySection(sides)}
          <section>
            <h2>Over time</h2>
            <div class="charts">${overTime.map(figureOf)}</div>
          </section>
          ${nemesesSection(sides)} ${searchSections(sides)} ${latencySection(sides, latency)}
          ${batchesSection(sides, batches)} ${outcomesSection(sides)} ${errorsSection(sides)} ${settingsSection(result)}
        </main>
        <noscript><p class="card">The charts are drawn by a script; the tables hold the same figures.</p></noscript>
        ${Html.data('charts', drawings)} ${uplotScript()} ${Html.inlined('script', CHART_SCRIPT)}
      </body>
    </html> `.toString();
}
