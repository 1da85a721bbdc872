import { setTimeout as wait } from 'node:timers/promises';
import type { JobResult } from '../jobs/queues.js';
import type { Store } from '../layout/store.js';
import { toMs } from '../redis/server-time.js';
import type { AnnouncedClock } from '../redis/announced.js';
import type { ReplicaConfirmation } from '../redis/replicas.js';
import type { Slot } from '../redis/slots.js';
import { readOrder } from './attempt.js';
import type { Attempt, Reading } from './attempt.js';
import { NoMasterError, PartlyAppliedError } from './failures.js';
import type { JobGroups } from './script-call.js';

/** By which the lease of an attempt is reckoned. */
interface Leasing extends Pick<Store, 'clock'> {
  readonly lockDurationMs: number;
}

/** Redis, and what is known of its time. */
interface Announcing extends Pick<Store, 'redis'> {
  readonly announcedClock: AnnouncedClock;
}

/** By so much the clocks of this machine and of Redis may go apart within a lease. */
const CLOCK_DRIFT_MS = 50;

/** The Redis time after which an attempt may not write; it ends before the lock could be lost. */
export function leaseOf({ askedAtMs }: Attempt, slot: Slot, { clock, lockDurationMs }: Leasing): number {
  return clock.at(askedAtMs, slot) + lockDurationMs;
}

/**
 * Waits until no request of this attempt can write any more, and looks whether one did.
 *
 * ioredis sends a command again when its connection was lost before the answer, so two requests of one attempt may be under
 * way: while the second is refused, the first may still linger in the network.
 *
 * @returns undefined when none did; then the job was not applied, or not all of it
 * @throws NotReplicatedError when one did, and too few replicas confirm it
 * @throws PartlyAppliedError when Redis' clock was set back meanwhile, so that nobody can tell when the lease is over
 */
export async function lateRecords(
  attempt: Attempt,
  deps: Leasing & Announcing & Reading & { readonly confirmation: ReplicaConfirmation },
): Promise<{ groups: JobGroups; records: JobResult[] } | undefined> {
  const { lockDurationMs, confirmation, keys } = deps;
  let groups: JobGroups;
  try {
    ({ groups } = readOrder(attempt, deps));
  } catch {
    return undefined; // nothing was sent for it
  }
  await wait(Math.max(0, attempt.askedAtMs + lockDurationMs + CLOCK_DRIFT_MS - performance.now()));
  const before = confirmation.isNeeded && confirmation.before(groups.map(({ slot }) => slot));
  const times = await announceNow(groups, deps);
  const records = await Promise.all(
    groups.map(async ({ slot }, place) => {
      const lease = leaseOf(attempt, slot, deps);
      const nowMs = times[place] ?? 0;
      const record = await readReceipt(attempt, slot, deps);
      if (record === undefined && nowMs <= lease) {
        throw new PartlyAppliedError(
          "a request may still arrive, and Redis' clock was set back, so it may then be applied",
        );
      }
      return record;
    }),
  );
  const found = records.filter((record) => record !== undefined);
  if (found.length < records.length) {
    return undefined;
  }
  if (before) {
    await confirmation.confirmRead(before, keys);
  }
  return { groups, records: found };
}

/**
 * Announces Redis' time, before something is done that relies on earlier leases being over: they stay so then, also when its clock
 * is set back. A Redis that takes no writes now, such as a full one, keeps no attempt from asking for its receipt.
 *
 * @returns the time, by group
 * @throws NoMasterError when it can't be told, since a master has gone
 */
export async function announceNow(groups: JobGroups, { redis, announcedClock }: Announcing): Promise<number[]> {
  return Promise.all(
    groups.map(async ({ slot }) => {
      const master = redis.masterOf(slot);
      if (master === undefined) {
        throw new NoMasterError(`slot ${slot} has no master that is known, so that its time is not either`);
      }
      const nowMs = toMs(await master.time());
      await announcedClock.raise(nowMs, slot).catch(allowRefusal);
      return nowMs;
    }),
  );
}

function allowRefusal(error: unknown): void {
  if ((error as Error).name !== 'ReplyError') {
    throw error;
  }
}

/** The job's receipt in a slot, whichever of its names it has. */
export async function readReceipt(
  { name, otherName }: Attempt,
  slot: Slot,
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
): Promise<JobResult | undefined> {
  const [own, other] = await Promise.all([
    redis.get(keys.jobReceipt(name, slot)),
    redis.get(keys.jobReceipt(otherName, slot)),
  ]);
  return own ?? other ?? undefined;
}
