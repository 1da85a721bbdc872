import { disabledAs, whyNotSent } from './webhook.js';
import { WebhookStore } from './webhook-store.js';
import type { Store } from '../../layout/store.js';

/**
 * Disables the webhooks that were added with API keys of an owner: nobody is let in with those any more.
 *
 * @returns how many these were
 */
export async function disableWebhooksOf(
  owner: string,
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
): Promise<number> {
  const store = new WebhookStore(redis, keys);
  const { webhooks } = await store.read();
  const atMs = Date.now();
  const theirs = webhooks.filter((webhook) => webhook.owner === owner && whyNotSent(webhook) === undefined);
  for (const { id } of theirs) {
    await store.change(id, (webhook) => disabledAs(webhook, 'KEY_REVOKED', atMs));
  }
  return theirs.length;
}
