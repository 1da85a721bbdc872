import type { GroupReading } from '../../src/jobs/told-groups.js';
import type { WebhookReading, WebhooksReading } from '../../src/jobs/webhook-reading.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { WEBHOOKS_PATH } from '../webhooks/webhooks-page.js';
import { countWords, durationWords } from '../words.js';

/** Webhooks shown at most, the worst first. */
const SHOWN = 20;

interface Listeners {
  readonly groups: readonly GroupReading[];
  /** Undefined where there are none. */
  readonly webhooks: WebhooksReading | undefined;
}

/** Who is told outcomes, and how far each is behind; nothing where nobody is. */
export function listenersSection({ groups, webhooks }: Listeners): Html | undefined {
  if (groups.length === 0 && webhooks === undefined) {
    return undefined;
  }
  return html`<h2>Subscribers and <a href="${WEBHOOKS_PATH}">webhooks</a></h2>
    ${groups.length > 0 && groupsTable(groups)} ${webhooks && webhooksTable(webhooks)}`;
}

function groupsTable(groups: readonly GroupReading[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Subscribers">
    <table>
      <thead>
        <tr>
          <th>Subscribers</th>
          <th class="number">Updates behind</th>
          <th class="number">Since</th>
          <th class="number">Jobs in hand</th>
          <th class="number">Set aside</th>
          <th class="number">Missed</th>
        </tr>
      </thead>
      <tbody>
        ${groups.map(
          ({ name, lag, behindMs, pending, dead, gaps, lost }) =>
            html`<tr>
              <td>${name}</td>
              <td class="number">${lag.toLocaleString('en')}</td>
              <td class="number">${behindMs === 0 ? 'up to date' : durationWords(behindMs)}</td>
              <td class="number">${pending.toLocaleString('en')}</td>
              <td class="number">
                ${dead === 0 ? '0' : html`<span class="tag warn">${dead.toLocaleString('en')}</span>`}
              </td>
              <td class="number">
                ${gaps === 0 ? 'none' : html`<span class="tag bad">${lost === 0 ? 'some' : lost.toLocaleString('en')}</span>`}
              </td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

function webhooksTable({ webhooks, deliveries, oldestMs, behindMs = 0 }: WebhooksReading): Html {
  const { waiting, retrying, failed } = deliveries;
  const sorted = [...webhooks].sort(
    (one, other) =>
      Number(other.disabled !== undefined) - Number(one.disabled !== undefined) || other.pending - one.pending,
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Webhooks">
      <table>
        <thead>
          <tr>
            <th>Webhook</th>
            <th>Host</th>
            <th class="number">Deliveries behind, about</th>
          </tr>
        </thead>
        <tbody>
          ${sorted.slice(0, SHOWN).map(webhookRow)}
        </tbody>
      </table>
    </div>
    <p class="muted">
      ${countWords(webhooks.length, 'webhook')}. Deliveries: ${waiting.toLocaleString('en')} waiting,
      ${retrying.toLocaleString('en')} tried again, ${failed.toLocaleString('en')} given
      up${oldestMs > 0 && html`; the oldest waits for ${durationWords(oldestMs)}`}.
      ${behindMs > 0 && html`Outcomes not handed out yet wait for ${durationWords(behindMs)}.`}
    </p>`;
}

function webhookRow({ id, host, disabled, pending }: WebhookReading): Html {
  return html`<tr>
    <td>
      <span class="code">${id}</span>
      ${disabled !== undefined && html`<span class="tag bad">disabled: ${disabled}</span>`}
    </td>
    <td>${host}</td>
    <td class="number">${pending.toLocaleString('en')}</td>
  </tr> `;
}
