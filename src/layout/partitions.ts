import { SLOTS, tagOf } from '../redis/slots.js';
import { slotOfJobId } from './new-job-id.js';

/**
 * A part of every queue: BullMQ keeps it under a prefix of its own, with a hash tag, so that it lies in one slot of a Redis
 * Cluster. Updates go to the partition of their slot. Partition and cells are then mostly on the same master, and so
 * many partitions spread over all masters.
 */
export interface Partition {
  /** First part of BullMQ's keys in it. */
  readonly prefix: string;
  /** The slot of these keys; where queues are not split, each has a slot of its own, and this is the prefix'. */
  readonly slot: number;
  /** Its number from 1 on and that of all, as `3-of-8`; undefined where queues are not split. */
  readonly name: string | undefined;
}

/** Each partition costs each worker process a connection for each queue. */
export const MAX_PARTITIONS = 256;

/** Queues split into a number of partitions. */
export class Partitions {
  /** In the order of their slots. */
  readonly all: readonly [Partition, ...Partition[]];

  /**
   * @param prefix first part of BullMQ's keys, whatever the partition
   * @param count how many partitions, 1 to 256
   */
  constructor(
    prefix: string,
    private readonly count: number,
  ) {
    this.all = Array.from({ length: count }, (_, index): Partition => {
      const slot = Math.floor(((index + 0.5) * SLOTS) / count);
      return { prefix: `${prefix}:{${tagOf(slot)}}`, slot, name: `${index + 1}-of-${count}` };
    }) as [Partition, ...Partition[]];
  }

  /** Where updates of a slot go. */
  ofSlot(slot: number): Partition {
    return this.all[Math.floor((slot * this.count) / SLOTS)] ?? this.all[0];
  }

  /** Where a job is, if a producer with so many partitions made it. */
  ofJob(jobId: string): Partition {
    return this.ofSlot(slotOfJobId(jobId));
  }
}
