import type { Step } from '../operations/operation.js';
import { commonSlot } from '../operations/step.js';
import type { CrossSlot } from '../operations/step.js';
import { NO_SLOT, slotOf } from '../redis/slots.js';
import type { Slot } from '../redis/slots.js';
import type { HeldSlots, InSlot, JobSlots, Receipts } from './receipts.js';
import type { UpdateGroup, UpdateGroups } from './update-group.js';

/** Receipts in a Cluster, whose scripts write one slot: a job has one in each slot of its updates, beside the cells. */
export class SplitReceipts implements Receipts {
  readonly commonSlots = [];
  /** Of a slot that is half moved, a script could read only what is all in one place. */
  readonly scriptsMayRead = false;

  slotOf(steps: readonly Step[]): number | CrossSlot {
    return commonSlot(steps);
  }

  slotFor(slot: Slot): Slot {
    return slot;
  }

  slotOfKey(key: string): number | undefined {
    return key === '' ? undefined : slotOf(key);
  }

  slotOfUpdate(data: unknown, index: number): number | undefined {
    const { slots } = (data ?? {}) as { slots?: HeldSlots };
    return typeof slots === 'object' ? slots[index] : slots;
  }

  /** So that updates whose params a worker can't read have their place, too. */
  heldSlots(updates: readonly InSlot[]): HeldSlots {
    const slots = updates.map(({ slot }) => numberOf(slot) ?? 0);
    return slots.every((slot) => slot === slots[0]) ? (slots[0] ?? 0) : slots;
  }

  groups<Update extends InSlot>(updates: readonly Update[], refuse: (update: Update) => never): UpdateGroups<Update> {
    const slots = updates.map((update) => numberOf(update.slot) ?? refuse(update));
    const [first = 0] = slots;
    if (slots.every((slot) => slot === first)) {
      return [new SlotGroup(first, updates)];
    }
    const bySlot = new Map<number, { readonly updates: Update[]; readonly indexes: number[] }>();
    for (const [index, update] of updates.entries()) {
      const slot = slots[index] ?? 0;
      const ofSlot = bySlot.get(slot);
      if (ofSlot === undefined) {
        bySlot.set(slot, { updates: [update], indexes: [index] });
      } else {
        ofSlot.updates.push(update);
        ofSlot.indexes.push(index);
      }
    }
    const groups: UpdateGroup<Update>[] = [];
    for (const [slot, ofSlot] of bySlot) {
      groups.push(new SlotGroup(slot, ofSlot.updates, ofSlot.indexes));
    }
    return groups as unknown as UpdateGroups<Update>;
  }

  mayBeSeveral(updates: number): boolean {
    return updates > 1;
  }

  /** It tells only of the updates in its slot. */
  answersForJob(outcomes: number): boolean {
    return outcomes === 1;
  }

  /** Each alone: of a slot that is half moved, ioredis would read all of a pipeline where only a part of it is. */
  readableTogether<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
    return items.map((item) => [item]);
  }

  withJobs(): string[] {
    return [];
  }

  apartFromJob(slots: readonly Slot[]): readonly Slot[] {
    return slots;
  }

  newJobSlots(): JobSlots {
    const slotsOf = new WeakMap<object, readonly Slot[]>();
    return {
      remember: (job, groups) => {
        slotsOf.set(
          job,
          groups.map(({ slot }) => slot),
        );
      },
      of: (job) => slotsOf.get(job) ?? [],
    };
  }
}

function numberOf(slot: Slot | undefined): number | undefined {
  return slot === NO_SLOT ? undefined : slot;
}

/** The updates of a job in one slot. */
export class SlotGroup<Update> implements UpdateGroup<Update> {
  readonly isOnlyReceipt = false;

  /** @param indexes their places in the job. @defaultValue the job has no others */
  constructor(
    readonly slot: number,
    readonly updates: readonly Update[],
    private readonly indexes?: readonly number[] | undefined,
  ) {}

  get isPart(): boolean {
    return this.indexes !== undefined;
  }

  map(change: (update: Update) => Update): SlotGroup<Update> {
    return new SlotGroup(this.slot, this.updates.map(change), this.indexes);
  }

  indexAt(place: number): number {
    return this.indexes?.[place] ?? place;
  }

  slotInCluster(): number {
    return this.slot;
  }
}
