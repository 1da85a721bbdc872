import { NO_SLOT, slotOf } from '../redis/slots.js';
import type { Layout } from './layout.js';
import type { Partition } from './partitions.js';
import type { WholeReceipts } from './whole-receipts.js';

/** Queues as they are on one server unless it is told otherwise: each is one. */
export class WholeLayout implements Layout {
  readonly count = undefined;
  readonly partitions: readonly [Partition];

  /** @param prefix first part of BullMQ's keys */
  constructor(
    prefix: string,
    readonly receipts: WholeReceipts,
  ) {
    this.partitions = [{ prefix, slot: slotOf(prefix), name: undefined }];
  }

  slotOf(): typeof NO_SLOT {
    return NO_SLOT;
  }

  partitionOf(): Partition {
    return this.partitions[0];
  }

  partitionOfJob(): Partition {
    return this.partitions[0];
  }

  /** It belongs to every share. */
  shareOf(): readonly Partition[] {
    return this.partitions;
  }

  describe(): string {
    return 'queues are not split';
  }
}
