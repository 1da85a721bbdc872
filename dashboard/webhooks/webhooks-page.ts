import type { RequestHandler } from 'express';
import { DELIVERIES } from '../../src/jobs/webhook-reading.js';
import type { Store } from '../../src/layout/store.js';
import { describeCrossing } from '../../src/subscribers/filter.js';
import type { DisabledWhy, Webhook } from '../../src/subscribers/webhooks/webhook.js';
import { WebhookStore } from '../../src/subscribers/webhooks/webhook-store.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { signedInOf } from '../access/signed-in.js';
import { BOARD_PATH } from '../board/board-name.js';
import { askMasterOf } from '../master-unreachable.js';
import { sendPage } from '../page.js';
import { PAGE_ASSETS } from '../page-script.js';
import { timeAt, ZONE } from '../time.js';
import { countWords } from '../words.js';
import { LOOKED, readDeliveries } from './read-deliveries.js';
import type { DeliveriesByWebhook, WebhookDeliveries } from './read-deliveries.js';

export const WEBHOOKS_PATH = '/ops/webhooks';

/** Operations or keys of a webhook that are named at most. */
const NAMED = 5;

/** The page of all webhooks: what each is told, and whether its target takes it. */
export function webhooksPage({ redis, keys, masters }: Pick<Store, 'redis' | 'keys' | 'masters'>): RequestHandler {
  return async (_request, response) => {
    const { webhooks, unreadable } = await askMasterOf(masters, keys.webhooks, 'the webhooks', () =>
      new WebhookStore(redis, keys).read(),
    );
    const deliveries = await askMasterOf(masters, keys.deliveriesPrefix, 'their deliveries', () =>
      readDeliveries(
        redis,
        keys,
        webhooks.map(({ id }) => id),
      ),
    );
    const content = html`<p class="muted">
        Where outcomes are posted to. Webhooks are added, disabled, enabled and removed by
        <span class="code">tally webhooks</span> and the HTTP API; times are those of ${ZONE}.
      </p>
      ${webhooks.length === 0 ? html`<p class="card muted">There are none.</p>` : table(webhooks, deliveries)}
      ${unreadable.length > 0 && html`<p class="muted">A newer version of Tally has added ${unreadable.join(', ')}.</p>`}
      ${deliveries.isCut && html`<p class="muted">Of each state the latest ${LOOKED.toLocaleString('en')} deliveries are counted.</p>`}`;
    sendPage(response, { title: 'Webhooks', user: signedInOf(response), content, assets: PAGE_ASSETS });
  };
}

/** Those that are disabled first, and then those whose targets take least. */
function table(webhooks: readonly Webhook[], deliveries: DeliveriesByWebhook): Html {
  const rows = webhooks.map((webhook) => ({ webhook, deliveries: deliveries.of(webhook.id) }));
  const toDo = ({ waiting, failed }: WebhookDeliveries) => waiting + failed;
  rows.sort(
    (one, other) =>
      Number(other.webhook.disabled !== undefined) - Number(one.webhook.disabled !== undefined) ||
      toDo(other.deliveries) - toDo(one.deliveries),
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Webhooks">
    <table class="stacks">
      <thead>
        <tr>
          <th>Webhook</th>
          <th>Host</th>
          <th>Owner</th>
          <th>Is told</th>
          <th class="number">Waiting, about</th>
          <th class="number">Tried again</th>
          <th class="number">Given up</th>
          <th>Last taken</th>
          <th>Not taken because</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(row)}
      </tbody>
    </table>
  </div>`;
}

function row({ webhook, deliveries }: { webhook: Webhook; deliveries: WebhookDeliveries }): Html {
  const { id, url, owner, disabled } = webhook;
  const { waiting, retrying, failed, taken, fault } = deliveries;
  return html`<tr>
    <td data-label="Webhook">
      <span class="code nowrap">${id}</span>
      ${disabled && html`<span class="tag bad">disabled</span> ${timeAt(disabled.atMs)}, ${WHY_WORDS[disabled.why]}`}
    </td>
    <td data-label="Host"><span class="code">${hostOf(url)}</span></td>
    <td data-label="Owner">${owner ?? 'added by hand'}</td>
    <td data-label="Is told">${filterWords(webhook)}</td>
    <td class="number" data-label="Waiting, about">${waiting.toLocaleString('en')}</td>
    <td class="number" data-label="Tried again">${retrying.toLocaleString('en')}</td>
    <td class="number" data-label="Given up">${failed === 0 ? '0' : givenUp(failed)}</td>
    <td data-label="Last taken">${taken ? html`${timeAt(taken.atMs)}: ${taken.answer}` : 'none that is kept'}</td>
    <td data-label="Not taken because">${fault}</td>
  </tr> `;
}

function givenUp(failed: number): Html {
  return html`<a href="${BOARD_PATH}/queue/${DELIVERIES}?status=failed">${failed.toLocaleString('en')}</a>`;
}

const WHY_WORDS: Readonly<Record<DisabledWhy, string>> = {
  GONE: 'since its target answered 410',
  BEHIND: 'since too many deliveries waited',
  BY_HAND: 'by hand',
  KEY_REVOKED: 'since the last API key of its owner was revoked',
};

/** The rest of a URL may be a secret. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'unknown';
}

function filterWords({ operations, statuses, keys, crosses, perMinute }: Webhook): string {
  const parts = [
    operations ? someOf(operations) : 'all operations',
    ...(statuses ? [statuses.join(', ')] : []),
    ...(keys ? [`keys ${someOf(keys)}`] : []),
    ...(crosses ? [`crosses ${describeCrossing(crosses)}`] : []),
    ...(perMinute === undefined ? [] : [`at most ${countWords(perMinute, 'delivery', 'deliveries')} a minute`]),
  ];
  return parts.join('; ');
}

/** It may be a hundred. */
function someOf(names: readonly string[]): string {
  const [first, rest] = [names.slice(0, NAMED), names.length - NAMED];
  return first.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
