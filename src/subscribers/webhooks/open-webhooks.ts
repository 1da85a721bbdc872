import type { Store } from '../../layout/store.js';
import type { Registry } from '../../operations/registry.js';
import { withinTime } from '../../lib/timeouts.js';
import type { OutcomeReader } from '../outcome-reader.js';
import { openDeliveries } from './delivery-queue.js';
import { PendingCounts } from './pending-counts.js';
import { Seal } from './seal.js';
import { webhookOptionsSchema } from './webhook-options.js';
import type { WebhookOptions } from './webhook-options.js';
import { WebhookStore } from './webhook-store.js';
import { Webhooks } from './webhooks.js';

const CLOSE_TIMEOUT_MS = 1_000;

interface From extends Pick<Store, 'redis' | 'keys' | 'logger'> {
  readonly registry: Registry;
  readonly reader: OutcomeReader;
}

/** Opens what webhooks are added and replayed with. Its `close` leaves the store open. */
export function openWebhooks(
  { redis, keys, logger, registry, reader }: From,
  options: WebhookOptions,
): { webhooks: Webhooks; close: () => Promise<void> } {
  const { sealingKeys, origin, maxPerOwner, ...policy } = webhookOptionsSchema.parse(options);
  const queue = openDeliveries({ redis, keys, logger });
  const webhooks = new Webhooks({
    redis,
    keys,
    registry,
    store: new WebhookStore(redis, keys),
    seal: new Seal(sealingKeys),
    policy,
    origin,
    maxPerOwner,
    reader,
    queue,
    pending: new PendingCounts(redis, keys, queue),
  });
  return {
    webhooks,
    close: async () => {
      await withinTime(queue.close(), CLOSE_TIMEOUT_MS);
    },
  };
}
