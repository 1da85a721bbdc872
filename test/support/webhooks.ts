import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { openStore } from '../../src/layout/store.js';
import { createRegistry } from '../../src/operations/registry.js';
import { createOutcomeReader } from '../../src/subscribers/outcome-reader.js';
import { openDeliveries } from '../../src/subscribers/webhooks/delivery-queue.js';
import { openWebhooks } from '../../src/subscribers/webhooks/open-webhooks.js';
import type { WebhookOptions } from '../../src/subscribers/webhooks/webhook-options.js';
import { createWebhookSender } from '../../src/subscribers/webhooks/webhook-sender.js';
import type { WebhookSenderOptions } from '../../src/subscribers/webhooks/webhook-sender.js';
import { place } from './tally.js';
import type { Place } from './tally.js';
import { startReceiver } from './webhook-receiver.js';

const HERE: Omit<WebhookOptions, 'sealingKeys'> = {
  allowHttp: true,
  allowedNetworks: ['127.0.0.1'],
  origin: 'tally.example',
};

/** What webhooks are added and replayed with. */
export function webhooksOf(here: Place, options: Partial<WebhookOptions> = {}) {
  const all = { ...HERE, sealingKeys: [randomBytes(32)], ...options };
  const store = openStore({ ...here, connectionName: 'test-webhooks', timeoutMs: 20_000 });
  const registry = createRegistry();
  const reader = createOutcomeReader({ store, registry, namespace: here.namespace });
  const { webhooks, close } = openWebhooks({ ...store, registry, reader }, all);
  const queue = openDeliveries(store);
  onTestFinished(async () => {
    reader.close();
    await Promise.all([close(), queue.close()]);
    store.close();
  });
  return { webhooks, queue, options: all };
}

/** A worker that tells outcomes, a receiver, and what sends to it once `send` is called. */
export async function setUp(options: Partial<WebhookSenderOptions> = {}) {
  const here = place();
  await here.worker({ outcomes: true });
  const receiver = await startReceiver();
  const opened = webhooksOf(here);
  const { redis, namespace, prefix, logger } = here;
  const send = (more: Partial<WebhookSenderOptions> = {}) => {
    const sender = createWebhookSender({
      ...{ redis, namespace, prefix, logger },
      webhooks: opened.options,
      retriesFasterBy: 100,
      closeTimeoutMs: 2_000,
      ...options,
      ...more,
    });
    let closing: Promise<void> | undefined;
    const close = () => (closing ??= sender.close());
    onTestFinished(close);
    return close;
  };
  const producer = here.producer();
  const restock = async (key: string, times = 1) => {
    const updates = Array.from({ length: times }, () => {
      return { operation: 'inventory.restock', params: { key, quantity: 1 } } as const;
    });
    const submissions = await producer.submit(updates);
    await Promise.all(submissions.map((submission) => submission.outcome({ timeoutMs: 60_000 })));
    return submissions.map(({ id }) => `${id}:applied`);
  };
  return { here, receiver, ...opened, send, restock };
}
