import { count, milliseconds } from './figures.js';
import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';
import type { Side } from './sides.js';
import { tableOf } from './table.js';
import type { SearchResult } from '../result.js';

/** With `--search`: the rates that were tried, and the highest that held the limit. */
export function searchSections(sides: readonly Side[]): Html[] {
  return sides.flatMap(({ title, found: { search } }) => {
    const heading = sides.length === 1 ? 'Search' : `Search: ${title}`;
    return search === undefined ? [] : [searchSection(heading, search)];
  });
}

function searchSection(heading: string, { p99LimitMs, highestPerSecond, steps }: SearchResult): Html {
  const limit = `a p99 of ${milliseconds(p99LimitMs)} ms`;
  return html`<section>
    <h2>${heading}</h2>
    <p>
      ${
        highestPerSecond === 0
          ? `Not even the lowest rate held ${limit}.`
          : html`<strong>${count(highestPerSecond)} updates a second</strong> is the highest rate that held ${limit}.`
      }
    </p>
    ${tableOf({
      title: heading,
      columns: [
        { title: 'Asked for, updates/s', number: true },
        { title: 'Reached, updates/s', number: true },
        { title: 'p99, ms', number: true },
        { title: 'Limit' },
      ],
      rows: steps.map(({ perSecond, achievedPerSecond, p99Ms, held }) => [
        count(perSecond),
        count(achievedPerSecond),
        milliseconds(p99Ms),
        held ? 'held' : html`<span class="error">not held</span>`,
      ]),
    })}
  </section>`;
}
