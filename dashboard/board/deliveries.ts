import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Store } from '../../src/layout/store.js';
import { openDeliveries } from '../../src/subscribers/webhooks/delivery-queue.js';
import type { DeliveryQueue } from '../../src/subscribers/webhooks/delivery-queue.js';
import { slotOf } from '../../src/redis/slots.js';
import { UnreachableQueue } from './unreachable.js';

/** The queue of deliveries to webhooks, and what is wrong with its master, in words; undefined when it answers. */
export interface FoundDeliveries {
  readonly queue: DeliveryQueue;
  readonly boardName: string;
  readonly fault: string | undefined;
}

const WORDS = {
  displayName: 'Webhook deliveries',
  description: 'Outcomes on their way to the URLs of webhooks. A delivery that is retried has the id that it had.',
};

/** That queue as the board shows it: what it holds is readable as it is. */
export function deliveriesAdapter({ queue, boardName, fault }: FoundDeliveries, readOnlyMode: boolean): BullMQAdapter {
  return fault === undefined
    ? new BullMQAdapter(queue, { ...WORDS, allowRetries: !readOnlyMode, readOnlyMode })
    : new UnreachableQueue(queue, { boardName, ...WORDS }, fault);
}

/** The queue, once there are webhooks. */
export class Deliveries {
  #found: FoundDeliveries | undefined;

  constructor(private readonly store: Pick<Store, 'redis' | 'keys' | 'masters' | 'logger'>) {}

  /** Looks whether there are webhooks; where that can't be known, it stays what it was. */
  async look(): Promise<FoundDeliveries | undefined> {
    const { redis, keys, masters, logger } = this.store;
    const [ofWebhooks, fault] = await Promise.all(
      [keys.webhooks, keys.deliveriesPrefix].map((key) => masters.faultOf(slotOf(key))),
    );
    try {
      if (this.#found === undefined && ofWebhooks === undefined && (await redis.hlen(keys.webhooks)) > 0) {
        const queue = openDeliveries(this.store);
        this.#found = { queue, boardName: queue.name, fault };
      }
    } catch (error) {
      logger.debug({ err: error }, 'could not see whether there are webhooks');
    }
    if (this.#found !== undefined && this.#found.fault !== fault) {
      this.#found = { ...this.#found, fault };
    }
    return this.#found;
  }

  async close(): Promise<void> {
    await this.#found?.queue.close();
  }
}
