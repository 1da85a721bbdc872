import type { SideResult } from '../result.js';
import { count, milliseconds, seconds } from './figures.js';
import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';
import type { Side } from './sides.js';
import { tableOf } from './table.js';

const ROWS: readonly { readonly name: string; readonly of: (found: SideResult) => string }[] = [
  { name: 'Updates with an outcome, per second', of: ({ perSecond }) => count(perSecond) },
  { name: 'Latency to the outcome, p50', of: ({ latency: { outcome } }) => latency(outcome.count, outcome.p50Ms) },
  { name: 'Latency to the outcome, p99', of: ({ latency: { outcome } }) => latency(outcome.count, outcome.p99Ms) },
  { name: 'Submitted', of: ({ counts }) => count(counts.submitted) },
  { name: 'Acknowledged', of: ({ counts }) => count(counts.acknowledged) },
  { name: 'Refused', of: ({ counts }) => count(counts.refused) },
  { name: 'Answer lost: accepted or not', of: ({ counts }) => count(counts.unknown) },
  { name: 'Left late by the load itself', of: ({ late }) => lateness(late) },
  { name: 'With an outcome', of: ({ counts }) => count(counts.completed) },
  { name: 'Submitting took', of: ({ submittingMs }) => seconds(submittingMs) },
  { name: 'From then to the last outcome', of: ({ drainMs }) => seconds(drainMs) },
];

/** The figures of each side beside the other's. */
export function summarySection(sides: readonly Side[]): Html {
  return html`<section>
    <h2>In short</h2>
    <div class="narrow">
      ${tableOf({
        title: 'The load in short',
        columns: [{ title: 'Figure' }, ...sides.map(({ title }) => ({ title, number: true }))],
        rows: ROWS.map(({ name, of }) => [name, ...sides.map(({ found }) => of(found))]),
      })}
    </div>
  </section>`;
}

/** Of an open loop. A closed one has no times at which updates are due. */
function lateness(late: SideResult['late']): string {
  return late === undefined ? '' : `${count(late.updates)}, by more than ${late.afterMs} ms`;
}

function latency(updates: number, ms: number): string {
  return updates === 0 ? '' : `${milliseconds(ms)} ms`;
}
