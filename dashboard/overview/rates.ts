import { endedIn, latencyAt, sumOf } from '../../src/readers/read-pulse.js';
import type { Rates } from '../../src/readers/read-pulse.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import type { Overview } from './read-overview.js';

const KIND_WORDS: Readonly<Record<keyof Rates['outcomes'], string>> = {
  applied: 'applied',
  rejected: 'rejected',
  conflict: 'conflict',
  cancelled: 'cancelled',
  failed: 'failed',
  unknown: 'unknown',
  duplicate: 'sent again',
};

/** What is shown of a time. */
interface Column {
  readonly name: string;
  readonly rates: Rates;
  readonly seconds: number;
  /** Whether all that waits was added in this time. */
  readonly hasAllWaiting: boolean;
}

/** Whole minutes and the current one, which has only begun. */
const LATELY = 5;

/** What went in and out, and how long it took, lately and in the last hour and day. */
export function ratesSection({ nowMs, minutes, hour, day, queues }: Overview): Html {
  const lately = sumOf(minutes.slice(-LATELY));
  if (minutes.length === 0) {
    return html`<h2>In and out</h2>
      <p class="card muted">Not known: a Redis master that holds a part of it does not answer.</p>`;
  }
  const waiting = queues.reduce((sum, { updatesWaiting }) => sum + (updatesWaiting ?? 0), 0);
  const oldestSeconds = Math.max(0, ...queues.map(({ oldestWaitingSeconds }) => oldestWaitingSeconds ?? 0));
  const latelySeconds = Math.max(1, (nowMs - lately.fromMs) / 1_000);
  const columns: Column[] = [
    { name: 'Last 5 min', rates: lately, seconds: latelySeconds, hasAllWaiting: oldestSeconds <= latelySeconds },
    { name: 'Last hour', rates: hour, seconds: 3_600, hasAllWaiting: true },
    { name: 'Last day', rates: day, seconds: 86_400, hasAllWaiting: true },
  ];
  return html`<h2>In and out</h2>
    <div class="card stack">
      ${chart(minutes)}
      <div class="scroll plain" tabindex="0" role="region" aria-label="In and out">
        <table>
          <thead>
            <tr>
              <td></td>
              ${columns.map(({ name }) => html`<th class="number">${name}</th> `)}
            </tr>
          </thead>
          <tbody>
            ${row('Updates in / s', columns, ({ rates, seconds, hasAllWaiting }) => (hasAllWaiting ? perSecond(rates.added + waiting, seconds) : '–'))}
            ${row('Updates out / s', columns, ({ rates, seconds }) => perSecond(endedIn(rates), seconds))}
            ${[0.5, 0.95, 0.99].map((share) => row(`Latency, ${share * 100} % within`, columns, ({ rates }) => latencyWords(rates, share)))}
            ${(Object.keys(KIND_WORDS) as (keyof Rates['outcomes'])[]).map((kind) =>
              row(KIND_WORDS[kind], columns, ({ rates }) => rates.outcomes[kind].toLocaleString('en')),
            )}
          </tbody>
        </table>
      </div>
      <p class="muted">As workers count it. In: what was added in this time and was completed, and what waits now.</p>
    </div>`;
}

function row(name: string, columns: readonly Column[], cell: (column: Column) => string): Html {
  return html`<tr>
    <th scope="row">${name}</th>
    ${columns.map((column) => html`<td class="number">${cell(column)}</td> `)}
  </tr> `;
}

function perSecond(updates: number, seconds: number): string {
  const rate = updates / seconds;
  return rate >= 100 ? Math.round(rate).toLocaleString('en') : rate.toFixed(rate >= 10 ? 1 : 2);
}

function latencyWords(rates: Rates, share: number): string {
  const ms = latencyAt(rates, share);
  if (ms === undefined) {
    return '–';
  }
  return ms === Infinity ? 'over 5 min' : ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

const [WIDTH, HEIGHT] = [600, 80];

/** What came out in each minute of the last hour. The table says the same to those who can't see it. */
function chart(minutes: readonly Rates[]): Html {
  const rates = minutes.map((minute) => endedIn(minute) / 60);
  const most = Math.max(1, ...rates);
  const points = rates.map((rate, index) => {
    const [x, y] = [(index / Math.max(1, rates.length - 1)) * WIDTH, HEIGHT - (rate / most) * (HEIGHT - 4) - 2];
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return html`<figure>
    <svg
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      role="img"
      aria-label="Updates out in each minute of the last hour"
      preserveAspectRatio="none"
    >
      <polyline class="series" points="${points.join(' ')}" />
    </svg>
    <figcaption class="muted">
      Updates out in each second, over the last hour; at most ${perSecond(most, 1)}.
    </figcaption>
  </figure>`;
}
