import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { JobResult } from '../jobs/queues.js';
import type { Store } from '../layout/store.js';
import type { WorkerMetrics } from '../metrics/worker-metrics.js';
import type { AnnouncedClock } from '../redis/announced.js';
import type { CrossSlotScripts } from '../redis/cross-slot-scripts.js';
import type { Script } from '../redis/scripts.js';
import type { Slot } from '../redis/slots.js';
import type { Attempt, Order } from './attempt.js';
import { isClusterInMotion, NoMasterError } from './failures.js';
import { refuseForbidden } from './forbidden-keys.js';
import { leaseOf, noteLease } from './late-requests.js';
import { buildCrossSlotCall, buildScriptCall } from './script-call.js';
import type { CallSettings, JobGroup, JobGroups } from './script-call.js';
import type { Telling } from './telling.js';

export interface CallDeps extends Pick<Store, 'redis' | 'keys' | 'clock'> {
  readonly crossSlot: CrossSlotScripts;
  /** The script that applies jobs, for several slots of a master. */
  readonly crossSlotScript: Script;
  readonly announcedClock: AnnouncedClock;
  readonly metrics: WorkerMetrics | undefined;
  readonly lockDurationMs: number;
  readonly idempotencyWindowMs: number | undefined;
  /** Absent when outcomes are not told. */
  readonly telling: Telling | undefined;
}

/** One call that does not reach the master of its slot is made again, with what was learned by then of where that is. */
const TRIES = 3;
const PAUSE_MS = 100;

/** Applies what a job has on a master of a Cluster by one call. */
export async function callByMaster(
  attempt: Attempt,
  master: Redis,
  groups: JobGroups,
  order: Order,
  deps: CallDeps,
): Promise<readonly JobResult[]> {
  const { crossSlot, crossSlotScript, announcedClock, metrics, telling } = deps;
  const [{ slot }] = groups;
  const choice = await telling?.streams?.forSlot(slot);
  if (choice !== undefined && choice.master !== master) {
    throw new NoMasterError('the slots have come to another master meanwhile');
  }
  const told = choice && telling?.forPart(attempt, groups, choice.key);
  const settings = { ...settingsFor(attempt, slot, order, deps), told };
  const { keys, args } = buildCrossSlotCall(groups, settings, (ofGroup) => announcedClock.knownAt(ofGroup));
  groups.forEach((group) => {
    noteLease(attempt, group.slot, settings.leaseMs);
  });
  const sentAtMs = performance.now();
  try {
    const records = (await crossSlot.run(master, crossSlotScript, keys[0] ?? '', args)) as JobResult[];
    metrics?.scriptAnswered(attempt.job.queueName, performance.now() - sentAtMs);
    metrics?.calledByMaster('answered');
    return records;
  } catch (error) {
    if (choice !== undefined && isStreamElsewhere(error as Error)) {
      telling?.streams?.avoid(choice.slot);
      return await callByMaster(attempt, master, groups, order, deps);
    }
    metrics?.calledByMaster('fell back');
    throw error;
  }
}

/** The same for what lies in one slot alone, where outcomes are told: a call that follows the slot could not reach the stream. */
export async function callMasterOf(
  attempt: Attempt,
  group: JobGroup,
  order: Order,
  deps: CallDeps,
): Promise<JobResult> {
  const { redis, keys } = deps;
  let allowed: JobGroup | undefined;
  for (let tries = 1; ; tries += 1) {
    try {
      return await callForSlot(attempt, allowed ?? group, order, deps);
    } catch (error) {
      const { message } = error as Error;
      deps.telling?.streams?.lookAgain();
      await learnTimeIfLate(message, group.slot, deps);
      if (message.startsWith('LEASE_EXPIRED')) {
        throw error;
      }
      const isForbidden = message.startsWith('NOPERM') && allowed === undefined;
      allowed ??= isForbidden ? await refuseForbidden(redis, group, keys) : undefined;
      if (tries === TRIES || !(isClusterInMotion(error) || (isForbidden && allowed !== undefined))) {
        throw error;
      }
      await (isForbidden ? undefined : wait(tries * PAUSE_MS));
    }
  }
}

async function callForSlot(attempt: Attempt, group: JobGroup, order: Order, deps: CallDeps): Promise<JobResult> {
  const { redis, crossSlot, crossSlotScript, announcedClock, metrics, telling } = deps;
  const { slot } = group;
  const choice = await telling?.streams?.forSlot(slot);
  const master = choice?.master ?? redis.masterOf(slot);
  if (master === undefined) {
    throw new NoMasterError(`slot ${slot} has no master that is known`);
  }
  const told = choice && telling && { ...telling.forPart(attempt, [group], choice.key), isApart: choice.slot !== slot };
  const settings = { ...settingsFor(attempt, slot, order, deps), told, clockMs: announcedClock.knownAt(slot) };
  const { keys, args } = buildScriptCall(group, settings);
  const sentAtMs = performance.now();
  try {
    const record = (await crossSlot.run(master, crossSlotScript, keys, args)) as JobResult;
    metrics?.scriptAnswered(attempt.job.queueName, performance.now() - sentAtMs);
    return record;
  } catch (error) {
    if (choice !== undefined && isStreamElsewhere(error as Error)) {
      telling?.streams?.avoid(choice.slot);
    }
    throw error;
  }
}

/** The stream has gone to another master, or is on its way there. Nothing was written. */
function isStreamElsewhere({ message }: Error): boolean {
  return message.startsWith('OUTCOMES_UNREADABLE') && message.includes('non local key');
}

/** Redis' clock may have been set. Only the next attempt may use what is learned: this one's lock may be lost by it. */
export async function learnTimeIfLate(
  message: string,
  slot: Slot,
  { clock, announcedClock }: Pick<CallDeps, 'clock' | 'announcedClock'>,
): Promise<void> {
  if (message.startsWith('LEASE_EXPIRED')) {
    await Promise.all([clock.sample(), announcedClock.read(slot)]);
  }
}

export function settingsFor(attempt: Attempt, slot: Slot, { stamp }: Order, deps: CallDeps): CallSettings {
  const { name, otherName, form, digest, ranBefore } = attempt;
  const { keys, lockDurationMs, idempotencyWindowMs: leastWindowMs } = deps;
  const leaseMs = leaseOf(attempt, slot, deps);
  noteLease(attempt, slot, leaseMs);
  return { name, otherName, form, digest, stamp, ranBefore, lockDurationMs, leastWindowMs, keys, leaseMs };
}
