import type { Step } from '../operations/operation.js';
import { firstSlot } from '../operations/step.js';
import type { JobName, Keys } from '../redis/keys.js';
import { NO_SLOT } from '../redis/slots.js';
import type { JobSlots, Receipts } from './receipts.js';
import type { UpdateGroup, UpdateGroups } from './update-group.js';

/** Receipts that are read at a time: a script can hand on some thousands of arguments, no more. */
const MOST_AT_ONCE = 1_000;

/** Receipts on one server: a job has one, with those of keys, histories and cells wherever they are. No slot is reckoned. */
export class WholeReceipts implements Receipts {
  readonly commonSlots = [NO_SLOT] as const;
  readonly scriptsMayRead = true;

  slotOf(): typeof NO_SLOT {
    return NO_SLOT;
  }

  slotFor(): typeof NO_SLOT {
    return NO_SLOT;
  }

  slotOfKey(): typeof NO_SLOT {
    return NO_SLOT;
  }

  slotOfUpdate(): typeof NO_SLOT {
    return NO_SLOT;
  }

  heldSlots(): undefined {
    return undefined;
  }

  groups<Update>(updates: readonly Update[]): UpdateGroups<Update> {
    return [new WholeJob(updates)];
  }

  mayBeSeveral(): boolean {
    return false;
  }

  answersForJob(): boolean {
    return true;
  }

  readableTogether<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
    if (items.length <= MOST_AT_ONCE) {
      return [items];
    }
    return Array.from({ length: Math.ceil(items.length / MOST_AT_ONCE) }, (_, place) =>
      items.slice(place * MOST_AT_ONCE, (place + 1) * MOST_AT_ONCE),
    );
  }

  withJobs(jobs: readonly JobName[], others: readonly JobName[], keys: Keys): string[] {
    const [own, besides] = [jobs, others].map((names) => names.map((name) => keys.jobReceipt(name, NO_SLOT)));
    return [...(own ?? []), keys.announced(NO_SLOT), ...(besides ?? [])];
  }

  apartFromJob(): readonly [] {
    return [];
  }

  newJobSlots(): JobSlots {
    return NOTHING_TO_REMEMBER;
  }
}

const NOTHING_TO_REMEMBER: JobSlots = { remember: () => undefined, of: () => [] };

/** All updates of a job. */
class WholeJob<Update> implements UpdateGroup<Update> {
  readonly slot = NO_SLOT;
  readonly isPart = false;
  readonly isOnlyReceipt = true;

  constructor(readonly updates: readonly Update[]) {}

  map(change: (update: Update) => Update): WholeJob<Update> {
    return new WholeJob(this.updates.map(change));
  }

  indexAt(place: number): number {
    return place;
  }

  slotInCluster(steps: readonly Step[]): number {
    return firstSlot(steps);
  }
}
