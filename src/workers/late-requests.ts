import { setTimeout as wait } from 'node:timers/promises';
import type { JobResult } from '../jobs/queues.js';
import type { Store } from '../layout/store.js';
import { crossSlotScript, valuesOf } from '../redis/cross-slot-scripts.js';
import type { CrossSlotScripts } from '../redis/cross-slot-scripts.js';
import { luaSource } from '../redis/lua-source.js';
import { createScript } from '../redis/scripts.js';
import { toMs } from '../redis/server-time.js';
import type { AnnouncedClock } from '../redis/announced.js';
import type { ReplicaConfirmation } from '../redis/replicas.js';
import type { Slot } from '../redis/slots.js';
import { readOrder } from './attempt.js';
import type { Attempt, Reading } from './attempt.js';
import { NoMasterError, PartlyAppliedError } from './failures.js';
import type { JobGroups } from './script-call.js';

const ANNOUNCE = crossSlotScript(createScript('announce now', luaSource('announce-now')));
const READ = crossSlotScript(createScript('read texts', luaSource('read-texts')));

/** By which the lease of an attempt is reckoned. */
interface Leasing extends Pick<Store, 'clock'> {
  readonly lockDurationMs: number;
}

/** Redis, and what is known of its time. */
interface Announcing extends Pick<Store, 'redis' | 'keys'> {
  readonly crossSlot: CrossSlotScripts;
  readonly announcedClock: AnnouncedClock;
}

/** By so much the clocks of this machine and of Redis may go apart within a lease. */
const CLOCK_DRIFT_MS = 50;

/** The Redis time after which an attempt may not write; it ends before the lock could be lost. */
export function leaseOf({ askedAtMs }: Attempt, slot: Slot, { clock, lockDurationMs }: Leasing): number {
  return clock.at(askedAtMs, slot) + lockDurationMs;
}

/** Redis' clock may be set back, and the next lease of an attempt end before this one. */
export function noteLease({ leases }: Attempt, slot: Slot, leaseMs: number): void {
  leases.set(slot, Math.max(leaseMs, leases.get(slot) ?? leaseMs));
}

/** Whether it is over by this machine's time as well, and not only by a clock that was set. */
export function isLeaseOver({ askedAtMs }: Attempt, { lockDurationMs }: Pick<Leasing, 'lockDurationMs'>): boolean {
  return performance.now() > askedAtMs + lockDurationMs;
}

type LookDeps = Leasing & Announcing & Reading & { readonly confirmation: ReplicaConfirmation };

/** What is recorded of a job in its groups. */
interface Recorded {
  readonly groups: JobGroups;
  readonly records: readonly JobResult[];
}

/**
 * Waits until no request of this attempt can write any more, and looks whether one did.
 *
 * ioredis sends a command again when its connection was lost before the answer, so two requests of one attempt may be under
 * way: while the second is refused, the first may still linger in the network.
 *
 * @returns undefined when none did; then the job was not applied, or not all of it
 * @throws NotReplicatedError when one did, and too few replicas confirm it
 * @throws PartlyAppliedError when Redis' clock was set back meanwhile by more than the lock lasts: that would take too long
 */
export async function lateRecords(attempt: Attempt, deps: LookDeps): Promise<Recorded | undefined> {
  const { lockDurationMs } = deps;
  await wait(Math.max(0, attempt.askedAtMs + lockDurationMs + CLOCK_DRIFT_MS - performance.now()));
  return await recordedNow(attempt, deps, async (groups) => {
    const leftMs = async () => {
      const times = await announceNow(groups, deps);
      return Math.max(
        ...groups.map(({ slot }, place) => (attempt.leases.get(slot) ?? -Infinity) - (times[place] ?? 0)),
      );
    };
    const left = await leftMs();
    if (left < 0) {
      return true;
    }
    await wait(Math.min(left + 1, lockDurationMs)); // the clock was set back, or is that of another master
    return (await leftMs()) < 0;
  });
}

/**
 * What earlier attempts have recorded, for one whose script did not come to look: Redis may refuse to start it, as on a Cluster those that
 * tell outcomes while a master is full.
 *
 * @returns undefined when they applied nothing, or not all of the job
 * @throws NotReplicatedError when too few replicas confirm it
 */
export function earlierRecords(attempt: Attempt, deps: LookDeps): Promise<Recorded | undefined> {
  return recordedNow(attempt, deps, async (groups) => {
    await announceNow(groups, deps);
    return true;
  });
}

/** @param untilOver whether no request can write any more. It announces Redis' time */
async function recordedNow(
  attempt: Attempt,
  deps: LookDeps,
  untilOver: (groups: JobGroups) => Promise<boolean>,
): Promise<Recorded | undefined> {
  const { confirmation, keys } = deps;
  let groups: JobGroups;
  try {
    ({ groups } = readOrder(attempt, deps));
  } catch {
    return undefined; // nothing was sent for it
  }
  const before = confirmation.isNeeded && confirmation.before(groups.map(({ slot }) => slot));
  const isOver = await untilOver(groups);
  const records = await readReceipts(attempt, groups, deps);
  const found = records.filter((record) => record !== undefined);
  if (found.length < records.length && !isOver) {
    throw new PartlyAppliedError(
      "a request may still arrive, and Redis' clock was set back, so it may then be applied",
    );
  }
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
export async function announceNow(
  groups: JobGroups,
  { redis, keys, crossSlot, announcedClock }: Announcing,
): Promise<number[]> {
  const times = await crossSlot.askAll(groups, {
    together: async (master, ofMaster) => {
      const [first = '', ...others] = ofMaster.map(({ slot }) => keys.announced(slot));
      const nowMs = Number(await crossSlot.run(master, ANNOUNCE, first, others));
      return ofMaster.map(() => nowMs);
    },
    alone: async ({ slot }) => {
      const master = redis.masterOf(slot);
      if (master === undefined) {
        throw new NoMasterError(`slot ${slot} has no master that is known, so that its time is not either`);
      }
      const nowMs = toMs(await master.time());
      await announcedClock.raise(nowMs, slot).catch(allowRefusal);
      return nowMs;
    },
  });
  return valuesOf(times);
}

function allowRefusal(error: unknown): void {
  if ((error as Error).name !== 'ReplyError') {
    throw error;
  }
}

/** The job's receipts in the slots of its groups, by group. */
export async function readReceipts(
  attempt: Attempt,
  groups: JobGroups,
  deps: Pick<Announcing, 'redis' | 'keys' | 'crossSlot'>,
): Promise<(JobResult | undefined)[]> {
  const { crossSlot } = deps;
  const records = await crossSlot.askAll(groups, {
    together: async (master, ofMaster) => {
      const [first = '', ...others] = ofMaster.flatMap(({ slot }) => namesOfReceipt(attempt, slot, deps));
      const texts = (await crossSlot.run(master, READ, first, others)) as (JobResult | null)[];
      return ofMaster.map((_, place) => texts[2 * place] ?? texts[2 * place + 1] ?? undefined);
    },
    alone: ({ slot }) => readReceipt(attempt, slot, deps),
  });
  return valuesOf(records);
}

/** The job's receipt in a slot, whichever of its names it has. */
export async function readReceipt(
  attempt: Attempt,
  slot: Slot,
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
): Promise<JobResult | undefined> {
  const names = namesOfReceipt(attempt, slot, { keys });
  const [own, other] = await Promise.all(names.map((name) => redis.get(name)));
  return own ?? other ?? undefined;
}

function namesOfReceipt({ name, otherName }: Attempt, slot: Slot, { keys }: Pick<Store, 'keys'>): [string, string] {
  return [keys.jobReceipt(name, slot), keys.jobReceipt(otherName, slot)];
}
