import type { Gauge, Registry } from 'prom-client';
import { readWebhooks } from '../jobs/webhook-reading.js';
import type { WebhooksReading } from '../jobs/webhook-reading.js';
import type { Store } from '../layout/store.js';
import { coalesce } from '../lib/coalesce.js';
import { valueWithin } from '../lib/timeouts.js';
import { newGauge } from './prom-client.js';

const READ_TIMEOUT_MS = 1_500;

/** The gauges of webhooks, read when they are asked for. None where there are no webhooks. */
export class WebhookGauges {
  readonly #webhooks: Gauge<'state'>;
  readonly #deliveries: Gauge<'state'>;
  readonly #oldest: Gauge;
  readonly #behind: Gauge;
  readonly #readOnce = coalesce(() => this.#read());

  constructor(
    register: Registry,
    private readonly store: Pick<Store, 'redis' | 'keys' | 'logger'>,
  ) {
    const registers = [register];
    this.#webhooks = newGauge({
      name: 'tally_webhooks',
      help: 'Webhooks that are enabled, and those that are disabled, by why.',
      labelNames: ['state'],
      registers,
    });
    this.#deliveries = newGauge({
      name: 'tally_webhook_deliveries',
      help: 'Deliveries that wait for their first attempt, or run; that wait to be tried again; that were given up.',
      labelNames: ['state'],
      registers,
    });
    this.#oldest = newGauge({
      name: 'tally_webhook_oldest_delivery_age_seconds',
      help: 'Since the delivery was made that waits for the longest; 0 when none does.',
      registers,
    });
    this.#behind = newGauge({
      name: 'tally_webhooks_behind_seconds',
      help: 'How long ago the first outcome was told that was not handed out to webhooks yet; 0 when all were.',
      registers,
    });
  }

  async refresh(): Promise<void> {
    const reading = await valueWithin(this.#readOnce(), READ_TIMEOUT_MS, undefined);
    this.#webhooks.reset();
    this.#deliveries.reset();
    this.#oldest.remove(); // `reset` would make them 0
    this.#behind.remove();
    if (reading !== undefined) {
      this.#set(reading);
    }
  }

  #set({ webhooks, deliveries, oldestMs, behindMs }: WebhooksReading): void {
    this.#webhooks.set({ state: 'enabled' }, 0);
    for (const { disabled } of webhooks) {
      this.#webhooks.inc({ state: disabled?.toLowerCase() ?? 'enabled' });
    }
    for (const [state, count] of Object.entries(deliveries)) {
      this.#deliveries.set({ state }, count);
    }
    this.#oldest.set(oldestMs / 1000);
    if (behindMs !== undefined) {
      this.#behind.set(behindMs / 1000);
    }
  }

  async #read(): Promise<WebhooksReading | undefined> {
    const { redis, keys, logger } = this.store;
    try {
      return await readWebhooks(redis, keys, redis.isCluster);
    } catch (error) {
      logger.debug({ err: error }, 'could not read how webhooks are doing');
      return undefined;
    }
  }
}
