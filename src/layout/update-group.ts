import type { Step } from '../operations/operation.js';
import type { Slot } from '../redis/slots.js';

/** Updates of a job that one script call applies, since they share a receipt. */
export interface UpdateGroup<Update> {
  /** Where that receipt lies. */
  readonly slot: Slot;
  readonly updates: readonly Update[];
  /** Whether the job has more updates, in other slots. */
  readonly isPart: boolean;
  /** Whether the receipt is the job's only one, whatever its data are: then it answers also for data that were edited since. */
  readonly isOnlyReceipt: boolean;
  /** The same group with its updates changed. */
  map(change: (update: Update) => Update): UpdateGroup<Update>;
  /** The place in the job of the update at a place in this group. */
  indexAt(place: number): number;
  /** The slot in which a Cluster has, or would have, the receipts of an update: for what is kept when the keys move to one. */
  slotInCluster(steps: readonly Step[]): number;
}

export type UpdateGroups<Update> = readonly [UpdateGroup<Update>, ...UpdateGroup<Update>[]];
