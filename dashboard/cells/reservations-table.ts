import type { Reservation, Reservations } from '../../src/readers/read-reservations.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { timeAt, ZONE } from '../time.js';

/** What is held of a stock, and for whom. */
export function reservationsTable({ held, total, reservations }: Reservations): Html {
  return html`<h2>Open reservations</h2>
    <p>${held} held by ${total} ${total === 1 ? 'reservation' : 'reservations'}, beside the value above.</p>
    <div class="scroll" tabindex="0">
      <table>
        <thead>
          <tr>
            <th>Reservation</th>
            <th class="number">Held</th>
            <th>Until (${ZONE})</th>
          </tr>
        </thead>
        <tbody>
          ${reservations.map(row)}
        </tbody>
      </table>
    </div>
    ${reservations.length < total && html`<p class="muted">Shown are the ${reservations.length} that end first.</p>`}`;
}

function row({ reservation, quantity, expiresAt }: Reservation): Html {
  return html`<tr>
    <td class="code">${reservation}</td>
    <td class="number">${quantity}</td>
    <td class="nowrap">${timeAt(expiresAt)}</td>
  </tr> `;
}
