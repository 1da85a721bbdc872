import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';

export interface Table {
  /** What it lists, for those who do not see it. */
  readonly title: string;
  /** The first one names the rows. */
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

export type Cell = Html | string;

interface Column {
  readonly title: string;
  /** Set to the right, digit under digit. */
  readonly number?: boolean;
}

/** A table that scrolls sideways by itself where the page is too narrow for it. */
export function tableOf({ title, columns, rows }: Table): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${title}">
    <table>
      <thead>
        <tr>
          ${columns.map((column) => html`<th scope="col" class="${classOf(column)}">${column.title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map((row) => rowOf(columns, row))}
      </tbody>
    </table>
  </div>`;
}

function rowOf(columns: readonly Column[], row: readonly Cell[]): Html {
  const [first, ...others] = columns.map((column, index) => ({ class: classOf(column), cell: row[index] }));
  return html`<tr>
    <th scope="row" class="${first?.class}">${first?.cell}</th>
    ${others.map((other) => html`<td class="${other.class}">${other.cell}</td>`)}
  </tr> `;
}

function classOf({ number = false }: Column): string {
  return number ? 'number' : '';
}
