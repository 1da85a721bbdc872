import type { Store } from '../layout/store.js';
import { askRedis } from '../redis/ask-redis.js';
import { namesBucket } from './unchecked-update.js';

/** When updates are sent, by Redis' clock: it says in which bucket they count. */
export class SendingTime {
  constructor(
    private readonly store: Pick<Store, 'redis' | 'clock'>,
    private readonly timeoutMs: number,
  ) {}

  readonly now = (): number => this.store.clock.latestAt(performance.now());

  /** Whether an update needs it, and it is not known yet. */
  isLackedBy(update: unknown): boolean {
    return !this.store.clock.isKnown && namesBucket(update);
  }

  /** From then on it is known. @throws QueueUnavailableError when Redis does not answer in time */
  async read(): Promise<void> {
    const { redis, clock } = this.store;
    await askRedis(redis, this.timeoutMs, clock.sample());
  }
}
