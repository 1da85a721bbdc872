import type { WebhooksReading } from '../../src/jobs/webhook-reading.js';
import { countWords, durationWords } from '../words.js';
import type { Trouble } from './trouble.js';

/** As the alerts have it. */
const NOT_HANDED_OUT_MS = 60_000;
const NOT_TAKEN_MS = 3_600_000;
const DISABLED_BY_TALLY = ['GONE', 'BEHIND'];

/** What is wrong with webhooks. @param reading undefined where there are none */
export function judgeWebhooks(reading: WebhooksReading | undefined): Trouble[] {
  if (reading === undefined) {
    return [];
  }
  const { webhooks, deliveries, oldestMs, oldestOf, behindMs = 0 } = reading;
  const { host } = webhooks.find(({ id }) => id === oldestOf) ?? {};
  const disabled = webhooks.filter(({ disabled = '' }) => DISABLED_BY_TALLY.includes(disabled));
  const warning = (applies: boolean, words: string, runbook: string): Trouble[] =>
    applies ? [{ level: 'warning', words, runbook }] : [];
  return [
    ...warning(
      behindMs > NOT_HANDED_OUT_MS,
      `outcomes have waited for ${durationWords(behindMs)} to be handed out to webhooks: does a worker with TALLY_WEBHOOK_KEY run?`,
      'TallyWebhooksBehind',
    ),
    ...warning(
      oldestMs > NOT_TAKEN_MS,
      `a delivery to the webhook ${oldestOf ?? ''}${host === undefined ? '' : ` (${host})`} has waited for ${durationWords(oldestMs)}, and ${countWords(deliveries.retrying, 'delivery', 'deliveries')} are tried again`,
      'TallyWebhookNotTaken',
    ),
    ...warning(
      disabled.length > 0,
      `Tally has disabled ${countWords(disabled.length, 'webhook')}: ${disabled.map(({ id }) => id).join(', ')}`,
      'TallyWebhookDisabled',
    ),
    ...warning(
      deliveries.failed > 0,
      `${countWords(deliveries.failed, 'delivery', 'deliveries')} to webhooks were given up`,
      'TallyWebhookDeliveriesFailed',
    ),
  ];
}
