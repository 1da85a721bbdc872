import type { Redis } from 'ioredis';
import type { Partition } from '../../src/layout/partitions.js';
import type { Store } from '../../src/layout/store.js';
import { openQueue } from '../../src/jobs/queues.js';
import type { TallyQueue } from '../../src/jobs/queues.js';
import { ConnectedWorkers } from '../../src/metrics/connected-workers.js';
import { sourceOf } from '../../src/redis/client-list.js';
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
  /** Where workers of other programs that are connected to it come from, in words; empty when there are none. */
  readonly others: string;
}

/** The queues in all partitions that are or were in use. They become more when a producer begins to use others. */
export class ShownQueues {
  /** By board name. */
  readonly #opened = new Map<string, ShownQueue>();
  #looking: Promise<readonly ShownQueue[]> | undefined;

  /** @param names of the queues */
  constructor(
    private readonly store: Store,
    private readonly names: readonly string[],
  ) {}

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
    const { layouts, masters } = this.store;
    const [known, { answering }] = await Promise.all([layouts.known(), masters.look()]);
    const workers = await this.#readWorkers(answering);
    const found = await Promise.all(
      known.flatMap(({ partitions }) =>
        partitions.map(async (partition) => {
          const fault = await masters.faultOf(partition.slot);
          return this.names.map((name) => {
            const others = workers?.othersOf(name, partition).map(sourceOf).join(', ') ?? '';
            return this.#open(name, partition, fault, others);
          });
        }),
      ),
    );
    return found.flat();
  }

  /** Undefined when the user may not list them. */
  async #readWorkers(answering: readonly Redis[]): Promise<ConnectedWorkers | undefined> {
    try {
      return await ConnectedWorkers.read(this.store.redis, answering);
    } catch (error) {
      this.store.logger.debug({ err: error }, 'could not see whether other programs work on the queues');
      return undefined;
    }
  }

  #open(name: string, partition: Partition, fault: string | undefined, others: string): ShownQueue {
    const { redis, logger, layouts } = this.store;
    const shownAs = boardName(name, partition);
    const mayBeMore = !layouts.areKnown;
    const known = this.#opened.get(shownAs);
    if (known?.fault === fault && known?.mayBeMore === mayBeMore && known.others === others) {
      return known;
    }
    const queue = known?.queue ?? openQueue(name, partition.prefix, redis, logger);
    const opened = { queue, partition, boardName: shownAs, fault, mayBeMore, others };
    this.#opened.set(shownAs, opened);
    return opened;
  }
}
