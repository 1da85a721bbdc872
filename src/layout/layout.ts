import type { Step } from '../operations/operation.js';
import type { CrossSlot } from '../operations/step.js';
import type { Slot } from '../redis/slots.js';
import type { Partition } from './partitions.js';
import type { Receipts } from './receipts.js';

/** Into how many partitions queues are split, at least 1; undefined when they are not, which a Cluster can't do. */
export type PartitionCount = number | undefined;

/** Where queues lie, and the receipts of what is in them. Whoever uses one need not know which it is. */
export interface Layout {
  /** To be told to others, and in words; what depends on it is asked of the layout itself. */
  readonly count: PartitionCount;
  /** All parts of every queue, in the order of their slots. */
  readonly partitions: readonly [Partition, ...Partition[]];
  readonly receipts: Receipts;
  /** The slot that decides on the partition of an update; or two of its keys, where it may not lie in two. */
  slotOf(steps: readonly Step[]): Slot | CrossSlot;
  /** Where updates of such a slot go. */
  partitionOf(slot: Slot): Partition;
  /** Where a job is, if a producer with this layout made it. */
  partitionOfJob(jobId: string): Partition;
  /**
   * One of several equal parts of all partitions. Those of a part follow each other, and so are on few masters.
   *
   * @param number which part, from 1 on
   * @param of how many parts there are
   */
  shareOf(number: number, of: number): readonly Partition[];
  /** How queues are split, for people. */
  describe(): string;
}
