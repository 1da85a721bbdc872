import { endedIn, latencyAt } from '../../src/readers/read-pulse.js';
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

/** What went in and out, and how long it took, in the last hour and day. */
export function ratesSection({ minutes, hour, day, queues }: Overview): Html {
  if (minutes.length === 0) {
    return html`<h2>In and out</h2>
      <p class="card muted">Not known: a Redis master that holds a part of it does not answer.</p>`;
  }
  const waiting = queues.reduce((sum, { updatesWaiting }) => sum + (updatesWaiting ?? 0), 0);
  return html`<h2>In and out</h2>
    <div class="card stack">
      ${chart(minutes)}
      <div class="scroll plain" tabindex="0" role="region" aria-label="In and out">
        <table>
          <thead>
            <tr>
              <td></td>
              <th class="number">Last hour</th>
              <th class="number">Last day</th>
            </tr>
          </thead>
          <tbody>
            ${row('Updates in / s', perSecond(hour.added + waiting, 3600), perSecond(day.added + waiting, 86_400))}
            ${row('Updates out / s', perSecond(endedIn(hour), 3600), perSecond(endedIn(day), 86_400))}
            ${[0.5, 0.95, 0.99].map((share) => row(`Latency, ${share * 100} % within`, latencyWords(hour, share), latencyWords(day, share)))}
            ${(Object.keys(KIND_WORDS) as (keyof Rates['outcomes'])[]).map((kind) =>
              row(KIND_WORDS[kind], hour.outcomes[kind].toLocaleString('en'), day.outcomes[kind].toLocaleString('en')),
            )}
          </tbody>
        </table>
      </div>
      <p class="muted">As workers count it. In: what was added in this time and was completed, and what waits now.</p>
    </div>`;
}

function row(name: string, hour: string, day: string): Html {
  return html`<tr>
    <th scope="row">${name}</th>
    <td class="number">${hour}</td>
    <td class="number">${day}</td>
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
