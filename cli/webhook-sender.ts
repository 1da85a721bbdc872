import type { RedisTarget } from '../src/redis/target.js';
import { createWebhookSender } from '../src/subscribers/webhooks/webhook-sender.js';
import { connectionOptions, webhookOptions } from './context.js';
import type { Context } from './context.js';

/**
 * Starts to deliver to webhooks, where TALLY_WEBHOOK_KEY and TALLY_OUTCOMES are set.
 *
 * @returns what stops it
 */
export function startWebhooks(context: Context, target: RedisTarget): () => Promise<void> {
  const webhooks = webhookOptions(context);
  const { TALLY_OUTCOMES: areTold, TALLY_CLOSE_TIMEOUT_MS: closeTimeoutMs } = context.config;
  if (webhooks === undefined || !areTold) {
    return () => Promise.resolve();
  }
  const { partitions: _, ...options } = connectionOptions(context, target);
  const sender = createWebhookSender({ ...options, webhooks, closeTimeoutMs });
  return () => sender.close();
}
