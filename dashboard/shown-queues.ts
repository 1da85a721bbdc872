import type { Logger } from 'pino';
import type { Partition } from '../src/jobs/partitions.js';
import { openQueue } from '../src/jobs/queues.js';
import type { TallyQueue } from '../src/jobs/queues.js';
import type { MasterWatch } from '../src/redis/master-watch.js';
import type { RememberedPartitions } from '../src/jobs/remembered-partitions.js';
import type { Connection } from '../src/redis/connection.js';
import { slotOf } from '../src/redis/slots.js';
import { boardName } from './board-name.js';

/** A queue, or one partition of it, as the dashboard shows it. */
export interface ShownQueue {
  readonly queue: TallyQueue;
  readonly partition: Partition;
  readonly boardName: string;
  /** What is wrong with its master, in words; undefined when it answers. */
  readonly fault: string | undefined;
  /** Whether there may be partitions of other numbers, which are not shown. */
  readonly mayBeMore: boolean;
}

interface Deps {
  readonly redis: Connection;
  /** Names of the queues. */
  readonly names: readonly string[];
  readonly partitions: RememberedPartitions;
  readonly masters: MasterWatch;
  readonly logger: Logger;
}

/** The queues in all partitions that are or were in use. They become more when a producer begins to use others. */
export class ShownQueues {
  /** By board name. */
  readonly #opened = new Map<string, ShownQueue>();
  #looking: Promise<readonly ShownQueue[]> | undefined;

  constructor(private readonly deps: Deps) {}

  /** Looks which they are now, and whether their masters answer; those who ask at one time share the look. */
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
    const { partitions, names, masters } = this.deps;
    const [ways] = await Promise.all([partitions.read(), masters.look()]);
    const found = await Promise.all(
      ways.flatMap(({ all }) =>
        all.map(async (partition) => {
          const fault = await masters.faultOf(slotOf(partition.prefix));
          return names.map((name) => this.#open(name, partition, fault));
        }),
      ),
    );
    return found.flat();
  }

  #open(name: string, partition: Partition, fault: string | undefined): ShownQueue {
    const { redis, logger, partitions } = this.deps;
    const shownAs = boardName(name, partition);
    const mayBeMore = !partitions.areKnown;
    const known = this.#opened.get(shownAs);
    if (known?.fault === fault && known?.mayBeMore === mayBeMore) {
      return known;
    }
    const queue = known?.queue ?? openQueue(name, partition.prefix, redis, logger);
    const opened = { queue, partition, boardName: shownAs, fault, mayBeMore };
    this.#opened.set(shownAs, opened);
    return opened;
  }
}
