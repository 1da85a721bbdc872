import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Store } from '../../src/layout/store.js';
import { openDeliveries } from '../../src/subscribers/webhooks/delivery-queue.js';
import type { DeliveryQueue } from '../../src/subscribers/webhooks/delivery-queue.js';

/** The queue of deliveries to webhooks on the board: what it holds is readable as it is. */
export class ShownDeliveries extends BullMQAdapter {
  constructor(queue: DeliveryQueue, readOnlyMode: boolean) {
    super(queue, {
      displayName: 'Webhook deliveries',
      description: 'Outcomes on their way to the URLs of webhooks. A delivery that is retried has the id that it had.',
      allowRetries: !readOnlyMode,
      readOnlyMode,
    });
  }
}

/** The queue, once there are webhooks. */
export class Deliveries {
  #queue: DeliveryQueue | undefined;

  constructor(private readonly store: Pick<Store, 'redis' | 'keys' | 'logger'>) {}

  /** Looks whether there are webhooks; where that can't be known, it stays what it was. */
  async look(): Promise<DeliveryQueue | undefined> {
    const { redis, keys, logger } = this.store;
    try {
      if (this.#queue === undefined && (await redis.hlen(keys.webhooks)) > 0) {
        this.#queue = openDeliveries(this.store);
      }
    } catch (error) {
      logger.debug({ err: error }, 'could not see whether there are webhooks');
    }
    return this.#queue;
  }

  async close(): Promise<void> {
    await this.#queue?.close();
  }
}
