import { isCluster } from '../redis/target.js';
import type { RedisTarget } from '../redis/target.js';
import type { Slot } from '../redis/keys.js';
import { SLOTS, tagOf } from '../redis/slots.js';
import { slotOfJobId } from './job-id.js';

/**
 * A part of every queue: BullMQ keeps it under a prefix of its own, with a hash tag, so that it lies in one slot of a Redis
 * Cluster. Updates go to the partition of their slot. Partition and cells are then mostly on the same master, and so
 * many partitions spread over all masters.
 */
export interface Partition {
  /** First part of BullMQ's keys in it. */
  readonly prefix: string;
  /** Its number from 1 on and that of all, as `3-of-8`; undefined where queues are not split. */
  readonly name: string | undefined;
  /** Whether the receipts of its jobs lie in the slots of the cells. */
  readonly isSplit: boolean;
}

/** Into how many partitions queues are split, at least 1; undefined when they are not, which a Cluster can't do. */
export type PartitionCount = number | undefined;

/** What a Cluster has unless it is told otherwise: enough for a few masters, few enough connections. */
const DEFAULT_PARTITIONS = 8;

/** Each partition costs each worker process a connection for each queue. */
export const MAX_PARTITIONS = 256;

export function partitionCountOf(options: {
  readonly redis: RedisTarget;
  readonly partitions?: PartitionCount;
}): PartitionCount {
  return options.partitions ?? (isCluster(options.redis) ? DEFAULT_PARTITIONS : undefined);
}

/** One way to split queues. */
export class Partitions {
  /** In the order of their slots. */
  readonly all: readonly [Partition, ...Partition[]];

  constructor(
    /** First part of BullMQ's keys, whatever the partition. */
    readonly prefix: string,
    readonly count: PartitionCount,
  ) {
    const [first = { prefix, name: undefined, isSplit: false }, ...others] = Array.from(
      { length: count ?? 0 },
      (_, index) => ({
        prefix: `${prefix}:{${tagOf(Math.floor(((index + 0.5) * SLOTS) / (count ?? 1)))}}`,
        name: `${index + 1}-of-${count}`,
        isSplit: true,
      }),
    );
    this.all = [first, ...others];
  }

  /** Where updates of a slot go. */
  ofSlot(slot: Slot): Partition {
    const index = slot === undefined || this.count === undefined ? 0 : Math.floor((slot * this.count) / SLOTS);
    return this.all[index] ?? this.all[0];
  }

  /** Where a job is, if a producer with so many partitions made it. */
  ofJob(jobId: string): Partition {
    return this.ofSlot(slotOfJobId(jobId));
  }
}
