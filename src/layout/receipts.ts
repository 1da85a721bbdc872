import type { Step } from '../operations/operation.js';
import type { CrossSlot } from '../operations/step.js';
import type { JobName, Keys } from '../redis/keys.js';
import type { Slot } from '../redis/slots.js';
import type { UpdateGroups } from './update-group.js';

/** The slots of the updates of a job as its data hold them: one for all, or one for each. */
export type HeldSlots = number | readonly number[];

/** What a job says of an update. */
export interface InSlot {
  /** Undefined when the job does not say. */
  readonly slot: Slot | undefined;
}

/** In which slots jobs have receipts that wait to be settled. */
export interface JobSlots {
  remember(job: object, groups: UpdateGroups<unknown>): void;
  of(job: object): readonly Slot[];
}

/**
 * Where receipts lie, of jobs and of idempotency keys, and with them histories and what is announced: on one server in one
 * place, in a Cluster in the slots of the cells. Partitions make no difference to it: see {@link Layout}.
 */
export interface Receipts {
  /** Where those of an update lie; or two of its keys, where it would have them in two slots. */
  slotOf(steps: readonly Step[]): Slot | CrossSlot;
  /** Where those of an update lie that went to the partition of a slot. */
  slotFor(slot: Slot): Slot;
  /** Where those of a cell with a key lie; undefined where that depends on the key, and it is empty. */
  slotOfKey(key: string): Slot | undefined;
  /** Where that of an update lies, by the data of its job; undefined where that depends on the data, and they don't say. */
  slotOfUpdate(data: unknown, index: number): Slot | undefined;
  /** What the data of a job have to hold of the slots of its updates; undefined for nothing. */
  heldSlots(updates: readonly InSlot[]): HeldSlots | undefined;
  /**
   * The updates of a job by their receipts, in the order in which the slots first come.
   *
   * @param refuse is called with an update whose slot has to be known, and is not
   */
  groups<Update extends InSlot>(updates: readonly Update[], refuse: (update: Update) => never): UpdateGroups<Update>;
  /** Whether a job of so many updates may have several. */
  mayBeSeveral(updates: number): boolean;
  /** Whether one with so many outcomes tells how its job ended. */
  answersForJob(outcomes: number): boolean;
  /** Receipts in one slot, by those that may be read together. */
  readableTogether<Item>(items: readonly Item[]): readonly (readonly Item[])[];
  /** Whether a script can read them together with what is announced, whatever moves. */
  readonly scriptsMayRead: boolean;
  /**
   * The keys that the script which settles jobs of a partition takes along: their receipts, if they lie with them.
   *
   * @param others further names under which some of them have receipts
   */
  withJobs(jobs: readonly JobName[], others: readonly JobName[], keys: Keys): string[];
  /** Those of a job's slots whose receipts this script can't reach. */
  apartFromJob(slots: readonly Slot[]): readonly Slot[];
  /** A memory for slots in which jobs have receipts. */
  newJobSlots(): JobSlots;
  /** Where Redis' time is announced for all jobs. */
  readonly commonSlots: readonly Slot[];
}
