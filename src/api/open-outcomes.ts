import type { Store } from '../layout/store.js';
import type { Registry } from '../operations/registry.js';
import { LiveFeed } from '../subscribers/live-feed.js';
import { createOutcomeReader } from '../subscribers/outcome-reader.js';
import { openWebhooks } from '../subscribers/webhooks/open-webhooks.js';
import type { WebhookOptions } from '../subscribers/webhooks/webhook-options.js';

interface From {
  readonly store: Store;
  readonly registry: Registry;
  readonly namespace: string;
  readonly webhooks: WebhookOptions | undefined;
}

/** Opens what is told of outcomes: the stream, and webhooks if this server was told with what their secrets are sealed. */
export function openOutcomes({ store, registry, namespace, webhooks: options }: From) {
  const reader = createOutcomeReader({ store, registry, namespace });
  const opened = options && openWebhooks({ ...store, registry, reader }, options);
  return {
    reader,
    feed: new LiveFeed(reader, store.logger),
    webhooks: opened?.webhooks,
    close: async () => {
      reader.close();
      await opened?.close();
    },
  };
}
