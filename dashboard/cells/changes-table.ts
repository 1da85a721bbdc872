import { deltaOf } from '../../src/readers/read-history.js';
import type { Change } from '../../src/readers/read-history.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import type { BoardNames } from './board-names.js';
import { timeAt, ZONE } from '../time.js';
import { jobLink } from './links.js';

/** The last changes of a cell; between them what changed it without leaving a history. */
export function changesTable(changes: readonly Change[], value: number | undefined, boardNames: BoardNames): Html {
  if (changes.length === 0) {
    return html`<p class="card muted">No change of it is kept.</p>`;
  }
  return html`<div class="scroll" tabindex="0">
    <table>
      <thead>
        <tr>
          <th>Time (${ZONE})</th>
          <th>Operation</th>
          <th class="number">Change</th>
          <th class="number">Value after</th>
          <th>Job</th>
        </tr>
      </thead>
      <tbody>
        ${changes.map((change, index) => {
          const found = index === 0 ? value : changes[index - 1]?.before;
          const after = change.after ?? 0;
          return [found !== undefined && found !== after && gap(after, found), row(change, boardNames)];
        })}
      </tbody>
    </table>
  </div>`;
}

function row(change: Change, boardNames: BoardNames): Html {
  const { atMs, operation, after, jobId } = change;
  const delta = deltaOf(change);
  return html`<tr>
    <td class="nowrap">${timeAt(atMs, 'ms')}</td>
    <td class="nowrap">${operation}</td>
    <td class="number">${delta > 0n ? '+' : ''}${delta.toString()}</td>
    <td class="number">${after ?? 'removed'}</td>
    <td>${jobLink(boardNames.get(jobId), jobId)}</td>
  </tr> `;
}

/** Another service wrote the cell, or an operation that keeps no history. */
function gap(from: number, to: number): Html {
  return html`<tr>
    <td class="muted" colspan="5">From ${from} to ${to} by something that keeps no history.</td>
  </tr> `;
}
