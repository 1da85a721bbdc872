import type { TallyQueue } from '../../src/jobs/queues.js';
import { idempotencyKeySchema } from '../../src/operations/update.js';
import { findUpdate } from '../../src/producers/find-update.js';
import type { FoundUpdate } from '../../src/producers/find-update.js';
import type { Registry } from '../../src/operations/registry.js';
import type { Connection } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';
import { findWaiting } from './waiting-jobs.js';
import type { WaitingJobs } from './waiting-jobs.js';

export interface FindDeps {
  readonly redis: Connection;
  readonly keys: Keys;
  readonly registry: Registry;
  readonly queues: readonly TallyQueue[];
}

/** What is known under a text that is an update id or an idempotency key. */
export interface Found {
  /** The update of this id. */
  readonly byId?: FoundUpdate;
  /** What the receipt of this idempotency key says. */
  readonly recorded?: RecordedUpdate;
  /** Jobs that wait, run or have failed with this idempotency key: it has no receipt before it is applied. */
  readonly waiting: WaitingJobs;
}

export interface RecordedUpdate {
  readonly updateId: string;
  /** In the script's form, for when the job is gone. */
  readonly outcome: string;
  /** Absent when its job was removed. */
  readonly update?: FoundUpdate;
}

const TIMEOUT_MS = 5_000;

export async function findUpdates(deps: FindDeps, text: string): Promise<Found> {
  const [byId, recorded, waiting] = await Promise.all([
    find(deps, text),
    idempotencyKeySchema.safeParse(text).success ? findRecorded(deps, text) : undefined,
    findWaiting(deps.queues, ({ idempotencyKey }) => idempotencyKey === text),
  ]);
  return { ...(byId && { byId }), ...(recorded && { recorded }), waiting };
}

function find({ redis, keys, registry }: FindDeps, id: string): Promise<FoundUpdate | undefined> {
  return findUpdate({ redis, keys, registry, timeoutMs: TIMEOUT_MS }, id);
}

async function findRecorded(deps: FindDeps, idempotencyKey: string): Promise<RecordedUpdate | undefined> {
  const receipt = await deps.redis.get(deps.keys.idempotencyReceipt(idempotencyKey));
  const [, updateId, outcome] = /^\S+ (\S+) (.*)$/s.exec(receipt ?? '') ?? [];
  if (updateId === undefined || outcome === undefined) {
    return undefined;
  }
  const update = await find(deps, updateId);
  return { updateId, outcome, ...(update && { update }) };
}
