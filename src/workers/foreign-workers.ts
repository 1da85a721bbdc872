import type { Logger } from 'pino';
import { ConnectedWorkers } from '../metrics/connected-workers.js';
import { sourceOf } from '../redis/client-list.js';
import type { Connection } from '../redis/connection.js';
import type { ServedQueues } from './served-queues.js';

const LOOK_EVERY_MS = 30_000;

/** Says when workers of other programs are connected to the queues: what they take is not applied. */
export class ForeignWorkers {
  #timer: NodeJS.Timeout | undefined;
  /** What was said last. */
  #said = '';

  constructor(
    private readonly served: ServedQueues,
    private readonly redis: Connection,
    private readonly logger: Logger,
  ) {}

  /** Looks now, and then every half minute. */
  watch(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
    void this.#look();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    try {
      const workers = await ConnectedWorkers.read(this.redis, this.redis.masters());
      const names = new Set(this.served.queues.map(({ name }) => name));
      const found = this.served.partitions.flatMap((partition) =>
        [...names].flatMap((queue) => {
          const from = workers.othersOf(queue, partition).map(sourceOf);
          return from.length === 0 ? [] : [`${partition.prefix}:${queue} (from ${from.join(', ')})`];
        }),
      );
      this.#say(found.join('; '));
    } catch (error) {
      this.logger.debug({ err: error }, 'could not see whether other programs work on the queues');
    }
  }

  #say(found: string): void {
    if (found !== '' && found !== this.#said) {
      const advice =
        'updates that they take are not applied: give that program another prefix, or Tally (TALLY_PREFIX)';
      this.logger.warn(`workers of another program are connected to ${found}; ${advice}`);
    }
    this.#said = found;
  }
}
