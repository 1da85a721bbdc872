import type { Connection } from '../../redis/connection.js';
import type { Keys } from '../../redis/keys.js';
import type { DeliveryQueue } from './delivery-queue.js';

/** Deliveries of one webhook that may wait: some 60 MB of Redis, for a target that is away. */
export const MAX_PENDING = 20_000;

/**
 * How many deliveries of each webhook wait, so that a target that is away can't fill Redis' memory. A process that dies may leave a
 * few counted that are done; when none waits at all, counting begins anew.
 */
export class PendingCounts {
  constructor(
    private readonly redis: Connection,
    private readonly keys: Pick<Keys, 'webhookPending'>,
    private readonly queue: DeliveryQueue,
    private readonly limit = MAX_PENDING,
  ) {}

  /** @returns false when they would be too many: then they are not counted */
  async add(webhook: string, deliveries: number): Promise<boolean> {
    if ((await this.redis.hincrby(this.keys.webhookPending, webhook, deliveries)) <= this.limit) {
      return true;
    }
    if (await this.#isIdle()) {
      await this.redis.del(this.keys.webhookPending);
      return this.add(webhook, deliveries);
    }
    await this.redis.hincrby(this.keys.webhookPending, webhook, -deliveries);
    return false;
  }

  async done(webhook: string): Promise<void> {
    await this.redis.hincrby(this.keys.webhookPending, webhook, -1);
  }

  async #isIdle(): Promise<boolean> {
    const counts = await this.queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized');
    return Object.values(counts).every((count) => count === 0);
  }
}
