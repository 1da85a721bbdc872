import type { Step } from '../operations/operation.js';
import { firstSlot } from '../operations/step.js';
import type { JobName, Keys } from '../redis/keys.js';
import { NO_SLOT } from '../redis/slots.js';
import type { JobSlots, Receipts } from './receipts.js';
import type { UpdateGroup, UpdateGroups } from './update-group.js';

/** Receipts on one server: a job has one, with those of keys, histories and cells wherever they are. No slot is reckoned. */
export class WholeReceipts implements Receipts {
  readonly commonSlots = [NO_SLOT] as const;

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

  pipelines<Item>(items: readonly Item[]): readonly [readonly Item[]] {
    return [items];
  }

  withJobs(jobs: readonly JobName[], keys: Keys): string[] {
    return [...jobs.map((job) => keys.jobReceipt(job, NO_SLOT)), keys.announced(NO_SLOT)];
  }

  apartFromJob(): string[] {
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
