import type { Step } from '../operations/operation.js';
import { firstSlot } from '../operations/step.js';
import type { CrossSlot } from '../operations/step.js';
import { NO_SLOT } from '../redis/slots.js';
import type { Slot } from '../redis/slots.js';
import type { Layout } from './layout.js';
import { Partitions } from './partitions.js';
import type { Partition } from './partitions.js';
import type { Receipts } from './receipts.js';

/**
 * Queues split into partitions: those of a Cluster always, those of one server when it is told so. Receipts differ between
 * these two, and nothing else.
 */
export class SplitLayout implements Layout {
  readonly partitions: readonly [Partition, ...Partition[]];
  readonly #split: Partitions;

  /**
   * @param prefix first part of BullMQ's keys, whatever the partition
   * @param count how many partitions, 1 to 256
   */
  constructor(
    prefix: string,
    readonly count: number,
    readonly receipts: Receipts,
  ) {
    this.#split = new Partitions(prefix, count);
    this.partitions = this.#split.all;
  }

  /** That of the receipts where these lie in slots; else the first key decides, and others may lie elsewhere. */
  slotOf(steps: readonly Step[]): number | CrossSlot {
    const slot = this.receipts.slotOf(steps);
    return slot === NO_SLOT ? firstSlot(steps) : slot;
  }

  partitionOf(slot: Slot): Partition {
    return this.#split.ofSlot(slot === NO_SLOT ? 0 : slot);
  }

  partitionOfJob(jobId: string): Partition {
    return this.#split.ofJob(jobId);
  }

  shareOf(number: number, of: number): readonly Partition[] {
    return this.partitions.filter((_, index) => Math.floor((index * of) / this.count) === number - 1);
  }

  describe(): string {
    return `queues are split into ${this.count}`;
  }
}
