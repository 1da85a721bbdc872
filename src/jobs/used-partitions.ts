import type { PartitionCounts } from './partition-counts.js';
import { Partitions } from './partitions.js';
import type { Partition } from './partitions.js';
import type { Connection } from '../redis/connection.js';

/** All the ways in which queues are or were split: where jobs have to be looked for. */
export class UsedPartitions {
  constructor(
    private readonly redis: Connection,
    private readonly counts: PartitionCounts,
    /** What this process itself was told: it counts as long as nobody has announced another number. */
    private readonly own: Partitions,
  ) {}

  /** Queues that are not split come first: one server has them always, a Cluster never. */
  async read(): Promise<Partitions[]> {
    const announced = await this.counts.read();
    const { prefix, count } = this.own;
    const split = announced.length > 0 || count === undefined ? announced : [count];
    return [...(this.redis.isCluster ? [] : [undefined]), ...split].map((each) => new Partitions(prefix, each));
  }
}

/** Each partition once: those in the middle of odd numbers are the same, such as `1-of-1` and `2-of-3`. */
export function distinctPartitions(ways: readonly Partitions[]): Partition[] {
  return [...new Map(ways.flatMap(({ all }) => all.map((partition) => [partition.prefix, partition]))).values()];
}
