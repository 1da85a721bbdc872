import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import type { InspectedCell } from './inspect-cell.js';

/** The value over time, drawn by `chart-script.ts`; the table below it says the same to those who can't see it. */
export function chart({ changes, value }: InspectedCell, nowMs: number): Html | undefined {
  const [latest] = changes;
  if (latest === undefined) {
    return undefined;
  }
  const points = changes.map(({ atMs, after }) => [atMs / 1000, after]).reverse();
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
