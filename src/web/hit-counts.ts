import { MemoryStore } from 'express-rate-limit';
import type { ClientRateLimitInfo } from 'express-rate-limit';

/**
 * Counts requests in this process, each with the number that it is.
 *
 * `MemoryStore` (8.7.4) answers all requests of a client with one object that it goes on counting in: those that
 * wait for the same thing, and so go on in the same turn, would all read the last number, and all be refused.
 */
export class HitCounts extends MemoryStore {
  override async increment(key: string): Promise<ClientRateLimitInfo> {
    const counted = super.increment(key); // has counted when it returns
    const now = { ...this.current.get(key) };
    return { ...(await counted), ...now };
  }
}
