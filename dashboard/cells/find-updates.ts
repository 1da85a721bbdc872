import { parseUpdateId } from '../../src/jobs/job-id.js';
import { decodeKeyReceipt } from '../../src/jobs/key-receipt.js';
import { idempotencyKeySchema } from '../../src/operations/idempotency-key.js';
import { findUpdate } from '../../src/producers/find-update.js';
import type { FoundUpdate } from '../../src/producers/find-update.js';
import { wasForgotten } from '../../src/producers/forgotten-outcome.js';
import { slotOfJobId, timeOfJobId } from '../../src/layout/new-job-id.js';
import type { Store } from '../../src/layout/store.js';
import { slotOf } from '../../src/redis/slots.js';
import type { Registry } from '../../src/operations/registry.js';
import { askMasterOf, requireMasterOfSlot } from '../master-unreachable.js';
import type { ShownQueues } from '../board/shown-queues.js';
import { boardNamesOf } from './board-names.js';
import type { BoardNames } from './board-names.js';
import type { FindFields } from './forms.js';
import { findWaiting } from './waiting-jobs.js';
import type { WaitingJobs } from './waiting-jobs.js';

export interface FindDeps extends Store {
  readonly registry: Registry;
  readonly queues: ShownQueues;
}

/** What is known under a text that is an update id or an idempotency key. */
export interface Found {
  /** The update of this id. */
  readonly byId?: FoundUpdate;
  /** There is none any more, but there may have been. */
  readonly isForgotten: boolean;
  /** What the receipts of this idempotency key say, one for each operation that it was used for. */
  readonly recorded: readonly RecordedUpdate[];
  /** Jobs that wait, run or have failed with this idempotency key: it has no receipt before it is applied. */
  readonly waiting: WaitingJobs;
  /** Of the jobs of these updates. */
  readonly boardNames: BoardNames;
}

export interface RecordedUpdate {
  readonly updateId: string;
  /** In the script's form, for when the job is gone. */
  readonly outcome: string;
  /** Absent when its job was removed. */
  readonly update?: FoundUpdate;
}

const TIMEOUT_MS = 5_000;

/** @throws MasterUnreachableError when a master does not answer that may know it */
export async function findUpdates(deps: FindDeps, fields: FindFields): Promise<Found> {
  const { update: text, owner } = fields;
  const isWanted = ({
    idempotencyKey,
    idempotencyOwner,
  }: {
    idempotencyKey: string | undefined;
    idempotencyOwner: string;
  }) => idempotencyKey === text && (owner === '' || idempotencyOwner === owner);
  const [byId, recorded, waiting] = await Promise.all([
    find(deps, text),
    Promise.all(receiptsOf(deps, fields).map((receiptKey) => findRecorded(deps, text, receiptKey))),
    deps.queues.look().then((queues) => findWaiting(queues, isWanted)),
  ]);
  const known = recorded.flatMap((each) => each ?? []);
  const updates = [byId, ...known.map(({ update }) => update)].flatMap((each) => each ?? []);
  const boardNames = await boardNamesOf(deps, updates);
  const isForgotten =
    byId === undefined &&
    (await wasForgotten({ ...deps, readLayouts: () => deps.layouts.known(), timeoutMs: TIMEOUT_MS }, text));
  return { ...(byId && { byId }), isForgotten, recorded: known, waiting, boardNames };
}

async function find(deps: FindDeps, id: string): Promise<FoundUpdate | undefined> {
  const place = parseUpdateId(id);
  if (place !== undefined) {
    const { jobId } = place;
    const slotsOfJob = (await deps.layouts.known()).map((layout) => slotOf(layout.partitionOfJob(jobId).prefix));
    const slotOfReceipt = timeOfJobId(jobId) === undefined ? [] : [slotOfJobId(jobId)]; // perhaps another master's
    const slots = [...slotsOfJob, ...slotOfReceipt];
    await Promise.all(slots.map((slot) => requireMasterOfSlot(deps.masters, slot, `update ${id}`)));
  }
  return findUpdate({ ...deps, readLayouts: () => deps.layouts.known(), timeoutMs: TIMEOUT_MS }, id);
}

/** The receipts that an idempotency key may have: a key is one of its owner and of its operation. */
function receiptsOf({ keys, layouts, registry }: FindDeps, { update: text, owner, key }: FindFields): string[] {
  const slot = layouts.receipts.slotOfKey(key);
  if (!idempotencyKeySchema.safeParse(text).success || slot === undefined) {
    return [];
  }
  return registry.operations.map(({ name: operation }) =>
    keys.idempotencyReceipt({ owner, operation, key: text }, slot),
  );
}

async function findRecorded(
  deps: FindDeps,
  idempotencyKey: string,
  receiptKey: string,
): Promise<RecordedUpdate | undefined> {
  const what = `idempotency key ${idempotencyKey}`;
  const receipt = await askMasterOf(deps.masters, receiptKey, what, () => deps.redis.get(receiptKey));
  const decoded = decodeKeyReceipt(receipt);
  if (decoded === undefined) {
    return undefined;
  }
  const { updateId, outcome } = decoded;
  const update = await find(deps, updateId);
  return { updateId, outcome, ...(update && { update }) };
}
