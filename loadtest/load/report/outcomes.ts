import { count } from './figures.js';
import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';
import { namedBySide } from './sides.js';
import type { Side } from './sides.js';
import type { Cell } from './table.js';
import { tableOf } from './table.js';

/** What became of the updates, by operation. */
export function outcomesSection(sides: readonly Side[]): Html {
  const kinds = new Map(
    sides.flatMap(({ found }) =>
      found.outcomes.map(({ operation, status, reason = '' }) => [
        `${operation} ${status} ${reason}`,
        { operation, status, reason },
      ]),
    ),
  );
  const rows = [...kinds].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, kind]) => kind);
  return html`<section>
    <h2>Outcomes</h2>
    ${
      rows.length === 0
        ? html`<p class="card muted">No update had an outcome.</p>`
        : tableOf({
            title: 'Outcomes',
            columns: [
              { title: 'Operation' },
              { title: 'Outcome' },
              { title: 'Reason' },
              ...sides.flatMap((side) => [
                { title: namedBySide(sides, side, 'updates'), number: true },
                { title: namedBySide(sides, side, 'of them repeats'), number: true },
              ]),
            ],
            rows: rows.map(({ operation, status, reason }): Cell[] => [
              html`<code>${operation}</code>`,
              status === 'failed' || status === 'unknown' ? html`<span class="error">${status}</span>` : status,
              reason === '' ? '' : html`<code>${reason}</code>`,
              ...sides.flatMap(({ found }) => {
                const same = found.outcomes.find(
                  (it) => it.operation === operation && it.status === status && (it.reason ?? '') === reason,
                );
                return [count(same?.count ?? 0), count(same?.duplicates ?? 0)];
              }),
            ]),
          })
    }
  </section>`;
}
