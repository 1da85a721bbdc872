import type { Registry } from '../operations/registry.js';
import { noteStamp } from '../bullmq/scripts.js';
import { decodeRecord, encodeRecord, recordHead } from '../jobs/form.js';
import { placeOf, settledRecord } from '../jobs/queues.js';
import type { JobResult } from '../jobs/queues.js';
import { areAllApplied, isUndone, splitOutcomes } from '../operations/outcome.js';
import type { Store } from '../layout/store.js';
import type { ReplicaConfirmation } from '../redis/replicas.js';
import { valuesOf } from '../redis/cross-slot-scripts.js';
import type { Script, ScriptRunner } from '../redis/scripts.js';
import { attemptAt, readOrder } from './attempt.js';
import type { Attempt, JobPlace, Order, TallyJob } from './attempt.js';
import { addExpiries } from './expiries.js';
import {
  attemptError,
  isClusterInMotion,
  orUndecided,
  PartlyAppliedError,
  UndecidedError,
  UntoldError,
} from './failures.js';
import { refuseForbidden } from './forbidden-keys.js';
import { announceNow, earlierRecords, isLeaseOver, lateRecords, readReceipt } from './late-requests.js';
import { requeueUnapplied } from './requeue.js';
import type { JobDelays } from './delay-if-transient.js';
import { callByMaster, callMasterOf, learnTimeIfLate, settingsFor } from './call-by-master.js';
import type { CallDeps } from './call-by-master.js';
import { buildScriptCall } from './script-call.js';
import type { JobGroup, JobGroups, ScriptCall } from './script-call.js';
import type { FailedAttempt } from './telling.js';

export interface ApplyDeps extends CallDeps, Pick<Store, 'layouts'> {
  readonly registry: Registry;
  readonly scripts: ScriptRunner;
  readonly script: Script;
  readonly confirmation: ReplicaConfirmation;
  readonly delays: JobDelays;
}

/**
 * Applies one job, the BullMQ processor of every queue.
 *
 * @returns the job's record, kept as its return value
 * @throws an error whose message says whether anything was applied; `UnrecoverableError` when a retry is of no use
 */
export async function applyJob(job: TallyJob, token: string, place: JobPlace, deps: ApplyDeps): Promise<JobResult> {
  const settled = settledRecord(job.progress);
  if (settled !== undefined) {
    return settled;
  }
  await deps.delays.ifNewer(job, token);
  const disconnectsBefore = deps.redis.disconnects;
  let attempt: Attempt | undefined;
  let record: JobResult | undefined;
  try {
    attempt = attemptAt(job, place);
    record = await recordOf(attempt, disconnectsBefore, deps);
    await deps.telling?.cancelled(attempt, record);
    await addExpiries(attempt, record, deps);
    await requeueUnapplied(attempt, record, deps);
    return record;
  } catch (error) {
    const isUntold = error instanceof UntoldError;
    const cause = isUntold || error instanceof UndecidedError ? error.cause : error;
    await deps.delays.ifTransient(cause, job, token);
    if (isUntold) {
      await deps.delays.untilTold(cause, job, token);
    }
    const mayBeApplied = record !== undefined || (attempt !== undefined && hasSeveralReceipts(attempt, deps));
    const failure = attemptError(error, { isKnown: !mayBeApplied });
    await tellFailure({ job, place, attempt, record }, token, failure, deps);
    throw failure;
  }
}

/** Before BullMQ hears of it: a job whose end can't be told now goes on. */
async function tellFailure(failed: FailedAttempt, token: string, failure: Error, { telling, delays }: ApplyDeps) {
  try {
    await telling?.failure(failed, failure);
  } catch (error) {
    await delays.untilTold(error, failed.job, token);
  }
}

/** Where one script call fails, others of the same job may have applied their updates. */
function hasSeveralReceipts({ job: { data }, ranBefore }: Attempt, { layouts }: ApplyDeps): boolean {
  const { updates } = (data as Partial<typeof data> | undefined) ?? {};
  return layouts.receipts.mayBeSeveral(Array.isArray(updates) ? updates.length : ranBefore ? Infinity : 0);
}

/** What is recorded of the job when this attempt is over: by itself, by an earlier one, or by a request that came late. */
async function recordOf(attempt: Attempt, disconnectsBefore: number, deps: ApplyDeps): Promise<JobResult> {
  let record: JobResult | undefined;
  let failure: unknown;
  try {
    record = await runScripts(attempt, deps);
    if (isRecorded(record)) {
      return record;
    }
  } catch (error) {
    failure = error;
  }
  // A request whose connection was lost may still arrive and apply the job, until its lease is over.
  const mayBeLate = deps.redis.disconnects !== disconnectsBefore;
  if (mayBeLate || (attempt.ranBefore && record === undefined)) {
    const found = await orUndecided(mayBeLate ? lateRecords(attempt, deps) : earlierRecords(attempt, deps));
    record = found === undefined ? record : joinRecords(attempt, found.groups, found.records);
  }
  if (record === undefined) {
    throw failure;
  }
  return record;
}

/** A job of one update that was not applied leaves no receipt. */
function isRecorded(record: JobResult): boolean {
  if (areAllApplied(record)) {
    return true;
  }
  const { outcomes } = decodeRecord(record) ?? { outcomes: [] };
  return outcomes.length !== 1 || !isUndone(outcomes[0] ?? '');
}

/** Runs the script once for each receipt that the job has to have, all at the same time. */
async function runScripts(attempt: Attempt, deps: ApplyDeps): Promise<JobResult> {
  const { redis, clock, confirmation, keys } = deps;
  const { job, place, ranBefore, askedAtMs } = attempt;
  let order: Order;
  try {
    order = readOrder(attempt, deps);
  } catch (error) {
    return await recordOfUnreadable(attempt, error, deps);
  }
  if (order.stamp.sentAtMs === undefined && !ranBefore) {
    // Somebody else added it, without a stamp.
    await noteStamp(redis, placeOf(place.queue), job, { sentAtMs: clock.latestAt(askedAtMs) });
  }
  if (ranBefore) {
    await announceNow(order.groups, deps);
  }
  const before = confirmation.isNeeded && confirmation.before(order.groups.map(({ slot }) => slot));
  const records = await runAll(attempt, order, deps);
  if (before) {
    // An earlier attempt may have written what this one found, over another connection, and unconfirmed.
    await (ranBefore ? confirmation.confirmRead(before, keys) : confirmation.confirm(before));
  }
  return joinRecords(attempt, order.groups, records);
}

/**
 * By one call for each master on which there are several groups, and one for each other group. Where one call fails, those
 * of it that were applied all the same are answered by their receipts. The updates that can be applied are, also when others
 * can't: they are not applied again by the next attempt.
 */
async function runAll(attempt: Attempt, order: Order, deps: ApplyDeps): Promise<JobResult[]> {
  const results = await deps.crossSlot.askAll(order.groups, {
    together: (master, groups) => callByMaster(attempt, master, groups, order, deps),
    alone: async (group, failure) => {
      if (failure?.message.startsWith('LEASE_EXPIRED') && isLeaseOver(attempt, deps)) {
        throw failure; // hundreds of calls would be told the same, by a Redis that is late already
      }
      const run = deps.telling?.streams === undefined ? runScript : callMasterOf;
      return run(attempt, group, order, deps);
    },
  });
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
  const failure = failures.find((each) => !isClusterInMotion(each)) ?? failures[0];
  if (failure !== undefined) {
    throw failure;
  }
  return valuesOf(results);
}

async function runScript(attempt: Attempt, group: JobGroup, order: Order, deps: ApplyDeps): Promise<JobResult> {
  const { scripts, script, metrics } = deps;
  const call = callFor(attempt, group, order, deps);
  const sentAtMs = performance.now();
  try {
    const record = (await scripts.run(script, call.keys, call.args)) as JobResult;
    metrics?.scriptAnswered(attempt.job.queueName, performance.now() - sentAtMs);
    return record;
  } catch (error) {
    const mended = await mendCall(attempt, group, order, error as Error, deps);
    if (mended === undefined) {
      throw error;
    }
    return (await scripts.run(script, mended.keys, mended.args)) as JobResult;
  }
}

/** The call that may do where Redis refused one; undefined when this worker can't do better. */
async function mendCall(
  attempt: Attempt,
  group: JobGroup,
  order: Order,
  { message }: Error,
  deps: ApplyDeps,
): Promise<ScriptCall | undefined> {
  const { redis, keys } = deps;
  if (message.startsWith('NOPERM')) {
    const allowed = await refuseForbidden(redis, group, keys);
    return allowed && callFor(attempt, allowed, order, deps);
  }
  await learnTimeIfLate(message, group.slot, deps);
  return undefined;
}

function callFor(attempt: Attempt, group: JobGroup, order: Order, deps: ApplyDeps): ScriptCall {
  const { slot } = group;
  return buildScriptCall(group, {
    ...settingsFor(attempt, slot, order, deps),
    told: deps.telling?.forScript(attempt),
    clockMs: deps.announcedClock.knownAt(slot),
  });
}

/** The record of a job from those of its groups. */
function joinRecords({ form, digest }: Attempt, groups: JobGroups, records: readonly JobResult[]): JobResult {
  const [only] = records;
  if (only !== undefined && groups[0].isOnlyReceipt) {
    return only; // also when the data were edited after it was written: then it speaks for those of before
  }
  const head = recordHead(form, digest);
  const outcomes: string[] = [];
  for (const [place, group] of groups.entries()) {
    const ofGroup = outcomesOf(records[place] ?? '', head, digest);
    if (ofGroup?.length !== group.updates.length) {
      throw new PartlyAppliedError('the job was edited after it, or a part of it, had been applied');
    }
    for (const [placeInGroup, outcome] of ofGroup.entries()) {
      outcomes[group.indexAt(placeInGroup)] = outcome;
    }
  }
  return encodeRecord(form, { digest, outcomes });
}

/** In a Cluster nearly each update of a job has a record: most are read at a glance. @returns undefined when it is of other data */
function outcomesOf(record: JobResult, head: string, digest: string): readonly string[] | undefined {
  if (record.startsWith(head)) {
    return splitOutcomes(record.slice(head.length));
  }
  const decoded = decodeRecord(record);
  return decoded?.digest === digest ? decoded.outcomes : undefined;
}

/**
 * A job whose data can't be read may have been applied before somebody edited them. No other attempt can write any more, so its
 * receipts decide, unless they can't be found without the data.
 */
async function recordOfUnreadable(attempt: Attempt, reason: unknown, deps: ApplyDeps): Promise<JobResult> {
  const { confirmation, keys, layouts } = deps;
  const slot = layouts.receipts.slotOfUpdate(undefined, 0);
  if (slot === undefined) {
    throw attempt.ranBefore ? new PartlyAppliedError((reason as Error).message) : reason;
  }
  const before = confirmation.isNeeded && confirmation.before([slot]);
  const record = await orUndecided(readReceipt(attempt, slot, deps));
  if (record === undefined) {
    throw reason;
  }
  if (before) {
    await confirmation.confirmRead(before, keys);
  }
  return record;
}
