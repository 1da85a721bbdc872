import type { Logger } from 'pino';
import type { Partition } from '../src/jobs/partitions.js';
import { openQueue } from '../src/jobs/queues.js';
import type { TallyQueue } from '../src/jobs/queues.js';
import type { UsedPartitions } from '../src/jobs/used-partitions.js';
import type { Connection } from '../src/redis/connection.js';
import { boardName } from './board-name.js';

/** A queue, or one partition of it, as the dashboard shows it. */
export interface ShownQueue {
  readonly queue: TallyQueue;
  readonly partition: Partition;
  readonly boardName: string;
}

interface Deps {
  readonly redis: Connection;
  /** Names of the queues. */
  readonly names: readonly string[];
  readonly partitions: UsedPartitions;
  readonly logger: Logger;
}

/** The queues in all partitions that are or were in use. They become more when a producer begins to use others. */
export class ShownQueues {
  /** By board name. */
  readonly #opened = new Map<string, ShownQueue>();
  #looking: Promise<readonly ShownQueue[]> | undefined;

  constructor(private readonly deps: Deps) {}

  /** Looks which they are now; those who ask at one time share the look. */
  look(): Promise<readonly ShownQueue[]> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#opened.values()].map(({ queue }) => queue.close()));
  }

  async #look(): Promise<readonly ShownQueue[]> {
    const { partitions, names } = this.deps;
    const ways = await partitions.read();
    return ways.flatMap(({ all }) => all.flatMap((partition) => names.map((name) => this.#open(name, partition))));
  }

  #open(name: string, partition: Partition): ShownQueue {
    const { redis, logger } = this.deps;
    const shownAs = boardName(name, partition);
    const known = this.#opened.get(shownAs);
    if (known !== undefined) {
      return known;
    }
    const opened = { queue: openQueue(name, partition.prefix, redis, logger), partition, boardName: shownAs };
    this.#opened.set(shownAs, opened);
    return opened;
  }
}
