import { describeCell } from '../../src/redis/cell.js';
import type { Cell } from '../../src/redis/cell.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { KEYS_PATH } from './paths.js';

/** A link to the page of a cell. */
export function cellLink(cell: Cell): Html {
  const { key, field, member } = cell;
  const query = new URLSearchParams({
    key,
    ...(field !== undefined && { field }),
    ...(member !== undefined && { member }),
  });
  return html`<a class="code" href="${KEYS_PATH}?${query.toString()}">${describeCell(cell)}</a>`;
}
