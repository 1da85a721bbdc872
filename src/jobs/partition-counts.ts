import type { RedisClient } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { MAX_PARTITIONS } from './partitions.js';
import type { PartitionCount } from './partitions.js';

/**
 * Into how many partitions producers split or have split their queues. Workers serve, and dashboards show, the partitions
 * of all these numbers: so a number can be changed while jobs wait, and in any order.
 */
export class PartitionCounts {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: Keys,
  ) {}

  /** Before the first job goes to one of so many partitions. */
  async announce(count: PartitionCount): Promise<void> {
    if (count !== undefined) {
      await this.redis.sadd(this.keys.partitionCounts, count);
    }
  }

  /** In ascending order. */
  async read(): Promise<number[]> {
    const counts = await this.redis.smembers(this.keys.partitionCounts);
    return counts
      .map(Number)
      .filter((count) => Number.isInteger(count) && count > 0 && count <= MAX_PARTITIONS)
      .sort((one, other) => one - other);
  }
}
