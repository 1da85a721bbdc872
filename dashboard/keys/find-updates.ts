import { parseUpdateId } from '../../src/jobs/job-id.js';
import { idempotencyKeySchema } from '../../src/operations/update.js';
import { findUpdate } from '../../src/producers/find-update.js';
import type { FoundUpdate } from '../../src/producers/find-update.js';
import type { Partitions } from '../../src/jobs/partitions.js';
import type { Registry } from '../../src/operations/registry.js';
import type { UsedPartitions } from '../../src/jobs/used-partitions.js';
import type { MasterWatch } from '../../src/redis/master-watch.js';
import type { Connection } from '../../src/redis/connection.js';
import type { Keys, Slot } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { askMasterOf, requireMasterOf } from '../master-away.js';
import type { ShownQueues } from '../shown-queues.js';
import { boardNamesOf } from './board-names.js';
import type { BoardNames } from './board-names.js';
import type { FindFields } from './forms.js';
import { findWaiting } from './waiting-jobs.js';
import type { WaitingJobs } from './waiting-jobs.js';

export interface FindDeps {
  readonly redis: Connection;
  readonly keys: Keys;
  readonly masters: MasterWatch;
  readonly registry: Registry;
  readonly queues: ShownQueues;
  readonly partitions: Partitions;
  readonly used: UsedPartitions;
}

/** What is known under a text that is an update id or an idempotency key. */
export interface Found {
  /** The update of this id. */
  readonly byId?: FoundUpdate;
  /** What the receipts of this idempotency key say; one server may have had split queues and others. */
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

/** @throws MasterAwayError when a master does not answer that may know it */
export async function findUpdates(deps: FindDeps, { update: text, key }: FindFields): Promise<Found> {
  const isIdempotencyKey = idempotencyKeySchema.safeParse(text).success;
  const slots = [...(deps.redis.isCluster ? [] : [undefined]), ...(key === '' ? [] : [slotOf(key)])];
  const [byId, recorded, waiting] = await Promise.all([
    find(deps, text),
    Promise.all(isIdempotencyKey ? slots.map((slot) => findRecorded(deps, text, slot)) : []),
    deps.queues.look().then((queues) => findWaiting(queues, ({ idempotencyKey }) => idempotencyKey === text)),
  ]);
  const known = recorded.flatMap((each) => each ?? []);
  const updates = [byId, ...known.map(({ update }) => update)].flatMap((each) => each ?? []);
  const boardNames = await boardNamesOf(deps, updates);
  return { ...(byId && { byId }), recorded: known, waiting, boardNames };
}

async function find(deps: FindDeps, id: string): Promise<FoundUpdate | undefined> {
  const place = parseUpdateId(id);
  if (place !== undefined) {
    const prefixes = (await deps.used.read()).map((way) => way.ofJob(place.jobId).prefix);
    await Promise.all(prefixes.map((prefix) => requireMasterOf(deps.masters, prefix, `update ${id}`)));
  }
  return findUpdate({ ...deps, timeoutMs: TIMEOUT_MS }, id);
}

async function findRecorded(deps: FindDeps, idempotencyKey: string, slot: Slot): Promise<RecordedUpdate | undefined> {
  const receiptKey = deps.keys.idempotencyReceipt(idempotencyKey, slot);
  const what = `idempotency key ${idempotencyKey}`;
  const receipt = await askMasterOf(deps.masters, receiptKey, what, () => deps.redis.get(receiptKey));
  const [, updateId, outcome] = /^\S+ (\S+) (.*)$/s.exec(receipt ?? '') ?? [];
  if (updateId === undefined || outcome === undefined) {
    return undefined;
  }
  const update = await find(deps, updateId);
  return { updateId, outcome, ...(update && { update }) };
}
