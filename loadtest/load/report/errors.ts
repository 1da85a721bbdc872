import { count } from './figures.js';
import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';
import { namedBySide } from './sides.js';
import type { Side } from './sides.js';
import { tableOf } from './table.js';

/** Errors by their message, the most frequent first. */
export function errorsSection(sides: readonly Side[]): Html {
  const messages = [...new Set(sides.flatMap(({ found }) => found.errors.map(({ message }) => message)))];
  return html`<section>
    <h2>Errors</h2>
    ${
      messages.length === 0
        ? html`<p class="card muted">None.</p>`
        : tableOf({
            title: 'Errors',
            columns: [
              { title: 'Message' },
              ...sides.map((side) => ({ title: namedBySide(sides, side, 'times'), number: true })),
            ],
            rows: messages.map((message) => [
              html`<span class="code">${message}</span>`,
              ...sides.map(({ found }) => count(found.errors.find((it) => it.message === message)?.count ?? 0)),
            ]),
          })
    }
  </section>`;
}
