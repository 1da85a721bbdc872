import type { RedisClient } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { slotOf } from '../redis/slots.js';
import type { Layout, PartitionCount } from './layout.js';
import { MAX_PARTITIONS } from './partitions.js';
import type { Partition } from './partitions.js';
import type { Receipts } from './receipts.js';
import { SplitLayout } from './split-layout.js';
import { SplitReceipts } from './split-receipts.js';
import { WholeLayout } from './whole-layout.js';
import { WholeReceipts } from './whole-receipts.js';

/** What a Cluster has unless it is told otherwise: enough for a few masters, few enough connections. */
const DEFAULT_PARTITIONS = 8;

export interface LayoutOptions {
  readonly isCluster: boolean;
  /** First part of BullMQ's keys. */
  readonly prefix: string;
  /** As this process was told. @defaultValue 8 on a Cluster; else queues are not split */
  readonly partitions?: PartitionCount;
}

/** Where the layouts in use are announced. */
interface AnnouncedCounts {
  readonly redis: Pick<RedisClient, 'sadd' | 'smembers'>;
  readonly keys: Pick<Keys, 'partitionCounts'>;
  /** Tells what is wrong with the master of a slot; undefined when it answers. */
  readonly masters: { faultOf(slot: number): Promise<string | undefined> };
}

/**
 * The ways in which queues are split, or were. Producers announce theirs; workers serve, and dashboards show, the partitions of
 * all that were ever announced: so the number of partitions can be changed while jobs wait, and in any order.
 */
export class Layouts {
  /** As this process was told. It counts as long as nobody has announced another. */
  readonly configured: Layout;
  /** Of all layouts: where receipts lie depends on the server alone. */
  readonly receipts: Receipts;
  /** Those that are in use whoever announces what: one server always has queues that are not split, a Cluster never. */
  readonly #always: readonly Layout[];
  readonly #split = new Map<number, Layout>();
  #read: readonly Layout[] | undefined;

  constructor(
    private readonly counts: AnnouncedCounts,
    private readonly options: LayoutOptions,
  ) {
    const { isCluster, prefix, partitions } = options;
    if (isCluster) {
      this.receipts = new SplitReceipts();
      this.#always = [];
      this.configured = this.#splitInto(partitions ?? DEFAULT_PARTITIONS);
    } else {
      const receipts = new WholeReceipts();
      const whole = new WholeLayout(prefix, receipts);
      this.receipts = receipts;
      this.#always = [whole];
      this.configured = partitions === undefined ? whole : this.#splitInto(partitions);
    }
  }

  /** Announces this process' own, before the first job goes to one of its partitions. */
  async announce(): Promise<void> {
    const { count } = this.configured;
    if (count !== undefined) {
      await this.counts.redis.sadd(this.counts.keys.partitionCounts, count);
    }
  }

  /** Asks for all: where jobs have to be looked for. Queues that are not split come first, then those of fewer partitions. */
  async read(): Promise<readonly Layout[]> {
    const announced = (await this.counts.redis.smembers(this.counts.keys.partitionCounts))
      .map(Number)
      .filter((count) => Number.isInteger(count) && count > 0 && count <= MAX_PARTITIONS)
      .sort((one, other) => one - other)
      .map((count) => this.#splitInto(count));
    const own = announced.length > 0 || this.#always.includes(this.configured) ? [] : [this.configured];
    return [...this.#always, ...announced, ...own];
  }

  /** The same, also while the master of a Cluster that is to tell does not answer: then as they were read last. */
  async known(): Promise<readonly Layout[]> {
    const { keys, masters } = this.counts;
    if ((await masters.faultOf(slotOf(keys.partitionCounts))) === undefined) {
      this.#read = await this.read();
    }
    return this.#read ?? [this.configured];
  }

  /** Whether they were ever read. Until then they may be others than those that {@link known} names. */
  get areKnown(): boolean {
    return this.#read !== undefined;
  }

  #splitInto(count: number): Layout {
    const layout = this.#split.get(count) ?? new SplitLayout(this.options.prefix, count, this.receipts);
    this.#split.set(count, layout);
    return layout;
  }
}

/** Each partition once: those in the middle of odd numbers are the same, such as `1-of-1` and `2-of-3`. */
export function distinctPartitions(layouts: readonly Layout[]): Partition[] {
  const all = layouts.flatMap(({ partitions }) => partitions);
  return [...new Map(all.map((partition) => [partition.prefix, partition])).values()];
}
