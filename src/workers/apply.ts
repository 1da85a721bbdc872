import type { Job, JobsOptions } from 'bullmq';
import { parseJobData, toJobData } from '../jobs/job-data.js';
import type { JobData } from '../jobs/job-data.js';
import { JOB_OPTIONS } from '../jobs/job-options.js';
import { putBackJobId } from '../jobs/job-id.js';
import type { Partition } from '../jobs/partitions.js';
import type { JobResult, TallyQueue } from '../jobs/queues.js';
import { settledOutcomes } from '../jobs/queues.js';
import { decodeOutcome, isFailure, joinOutcomes, splitOutcomes } from '../operations/outcome.js';
import type { Registry } from '../operations/registry.js';
import type { CheckedUpdate } from '../operations/update.js';
import type { Connection } from '../redis/connection.js';
import { ValidationError } from '../errors.js';
import type { RedisClock } from '../redis/clock.js';
import type { Keys } from '../redis/keys.js';
import type { ReplicaConfirmation } from '../redis/replicas.js';
import type { WorkerMetrics } from '../metrics/worker-metrics.js';
import type { Script, ScriptRunner } from '../redis/scripts.js';
import { attemptError, isClusterInMotion, outcomeError, PartlyAppliedError } from './failures.js';
import { attemptAskedAtMs } from './queue-worker.js';
import type { PutOff } from './put-off.js';
import { buildScriptCall, groupBySlot, UNSETTLED_RECEIPT_MS } from './script-call.js';
import type { SlotGroup, SlotGroups } from './script-call.js';

export type TallyJob = Job<JobData, JobResult>;

/** Where a worker has its jobs from. */
export interface JobPlace {
  readonly queue: TallyQueue;
  readonly partition: Partition;
  /** Gets the groups of each job that was applied, for when it is settled. */
  rememberSlots(job: TallyJob, groups: readonly SlotGroup[]): void;
}

/** A receipt is not relied on in the last minute of its life. */
const FORGETTING_MARGIN_MS = 60_000;

/** Characters: about 20 requests. */
const LONGEST_PUT_BACK_TRACE = 1_000;

export interface ApplyDeps {
  readonly redis: Connection;
  readonly registry: Registry;
  readonly keys: Keys;
  readonly scripts: ScriptRunner;
  readonly script: Script;
  readonly clock: RedisClock;
  readonly confirmation: ReplicaConfirmation;
  readonly metrics: WorkerMetrics | undefined;
  readonly putOff: PutOff;
  readonly lockDurationMs: number;
  readonly idempotencyWindowMs: number;
}

/**
 * Applies one job, the BullMQ processor of every queue.
 *
 * @returns the outcomes, kept as the job's return value
 * @throws an error whose message says whether anything was applied; `UnrecoverableError` when a retry is of no use
 */
export async function applyJob(job: TallyJob, token: string, place: JobPlace, deps: ApplyDeps): Promise<JobResult> {
  const settled = settledOutcomes(job.progress);
  if (settled !== undefined) {
    return settled;
  }
  const outcomes = await runScripts(job, place, deps).catch(async (error: unknown) => {
    await deps.putOff.ifPassing(error, job, token);
    throw attemptError(error, { mayBeApplied: hasSeveralReceipts(job, place) });
  });
  if (outcomes.includes('?')) {
    const updates = readUpdates(job, place, deps);
    await handleFailures(job, place.queue, updates, splitOutcomes(outcomes)).catch(async (error: unknown) => {
      await deps.putOff.ifPassing(error, job, token);
      throw attemptError(error, { mayBeApplied: true });
    });
  }
  return outcomes;
}

/** Where one script call fails, others of the same job may have applied their updates. */
function hasSeveralReceipts({ data }: TallyJob, { partition }: JobPlace): boolean {
  return partition.isSplit && (data as Partial<JobData> | undefined)?.updates?.length !== 1;
}

/**
 * The job's updates, checked. Read again after a failure rather than kept while the script runs: a busy worker has
 * many jobs under way, and what is kept for each costs the garbage collector more than the rare second reading.
 */
function readUpdates(job: TallyJob, { partition }: JobPlace, { registry, keys }: ApplyDeps): CheckedUpdate[] {
  return parseJobData(job.name, job.data, { registry, isReservedKey: keys.isReserved, oneSlot: partition.isSplit });
}

/** Runs the script once for each slot that the job's updates lie in, all at the same time. */
async function runScripts(job: TallyJob, place: JobPlace, deps: ApplyDeps): Promise<JobResult> {
  const { clock, idempotencyWindowMs, confirmation } = deps;
  let groups: SlotGroups | undefined;
  try {
    groups = groupBySlot(readUpdates(job, place, deps)); // first: someone may have added a job without an object as data
    requireRemembered(job, clock.at(attemptAskedAtMs(job)), idempotencyWindowMs);
    jobIdOf(job);
  } catch (error) {
    return await answerFromReceipts(job, place, groups, error, deps);
  }
  const lossesBefore = deps.redis.losses;
  const outcomes = groups.length === 1 ? await runScript(job, groups[0], deps) : await runAll(job, groups, deps);
  if (confirmation.isNeeded) {
    await confirmation.confirm(
      groups.map(({ slot }) => slot),
      lossesBefore,
    );
  }
  place.rememberSlots(job, groups);
  return outcomes;
}

/** Those that can be applied are, also when others can't: they are not applied again by the next attempt. */
async function runAll(job: TallyJob, groups: readonly SlotGroup[], deps: ApplyDeps): Promise<JobResult> {
  const results = await Promise.allSettled(groups.map((group) => runScript(job, group, deps)));
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
  const [first] = failures;
  if (first !== undefined) {
    throw failures.find((failure) => !isClusterInMotion(failure)) ?? first;
  }
  return inOrder(
    groups,
    results.map((result) => (result as PromiseFulfilledResult<JobResult>).value),
  );
}

/** The outcomes of a job from those of its groups. */
function inOrder(groups: readonly SlotGroup[], results: readonly JobResult[]): JobResult {
  const outcomes: string[] = [];
  for (const [place, { updates, indexes }] of groups.entries()) {
    const ofGroup = splitOutcomes(results[place] ?? '');
    if (groups.length > 1 && ofGroup.length !== updates.length) {
      throw new PartlyAppliedError('the job was edited after it had been applied');
    }
    for (const [placeInGroup, outcome] of ofGroup.entries()) {
      outcomes[indexes?.[placeInGroup] ?? placeInGroup] = outcome;
    }
  }
  return joinOutcomes(outcomes);
}

async function runScript(job: TallyJob, group: SlotGroup, deps: ApplyDeps): Promise<JobResult> {
  const { keys, clock, lockDurationMs, idempotencyWindowMs, scripts, script, metrics } = deps;
  const leaseMs = clock.at(attemptAskedAtMs(job), group.slot) + lockDurationMs; // it ends before the lock could be lost
  const call = buildScriptCall(jobIdOf(job), group, { keys, leaseMs, idempotencyWindowMs });
  const sentAtMs = performance.now();
  try {
    const outcomes = (await scripts.run(script, call.keys, call.args)) as JobResult;
    metrics?.scriptAnswered(job.queueName, performance.now() - sentAtMs);
    return outcomes;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('LEASE_EXPIRED')) {
      await clock.sample().catch(() => undefined); // in case it was the estimate of Redis' time that was off
    }
    throw error;
  }
}

/**
 * A job that this worker can't run may have been applied by one that could, before that one died: by a worker of another
 * version, or that knew an operation more, or in time. No other attempt can write any more, so its receipts decide. Where
 * they lie in slots, they can't be found without the updates.
 */
async function answerFromReceipts(
  job: TallyJob,
  { partition }: JobPlace,
  groups: SlotGroups | undefined,
  reason: unknown,
  { redis, keys }: ApplyDeps,
): Promise<JobResult> {
  const known = groups ?? (partition.isSplit ? undefined : [{ slot: undefined, updates: [], indexes: undefined }]);
  if (known === undefined) {
    throw job.attemptsStarted > 1 ? new PartlyAppliedError((reason as Error).message) : reason;
  }
  const receipts = await Promise.all(known.map(({ slot }) => redis.get(keys.jobReceipt(jobIdOf(job), slot))));
  const found = receipts.filter((receipt) => receipt !== null);
  if (found.length === 0) {
    throw reason;
  }
  if (found.length < receipts.length || found.some((receipt) => receipt.includes('?'))) {
    throw new PartlyAppliedError((reason as Error).message);
  }
  return inOrder(known, found);
}

/**
 * Refuses a job that runs again so late that what kept it from taking effect twice may be forgotten: its own
 * receipt, or that of its idempotency key, under which the caller may have sent the update again meanwhile.
 */
function requireRemembered(job: Job<JobData>, nowMs: number, idempotencyWindowMs: number): void {
  const ranBefore = job.attemptsStarted > 1 || (job.stacktrace ?? []).length > 0;
  const isKeyed = job.data.idempotencyKeys !== undefined;
  const limitMs = isKeyed ? Math.min(idempotencyWindowMs, UNSETTLED_RECEIPT_MS) : UNSETTLED_RECEIPT_MS;
  const ageMs = nowMs - job.timestamp - (job.opts.delay ?? 0);
  if (ranBefore && ageMs > limitMs - FORGETTING_MARGIN_MS) {
    const what = isKeyed ? 'the window of its idempotency key is over' : 'its receipt may be gone';
    throw new ValidationError([{ path: '', code: 'TOO_OLD', message: `${what}; submit the update anew` }]);
  }
}

/** A job of one update fails itself; a batch puts each failed update back as a job of its own and completes. */
async function handleFailures(
  job: TallyJob,
  queue: TallyQueue,
  updates: readonly CheckedUpdate[],
  outcomes: readonly string[],
): Promise<void> {
  const failed = updates.flatMap((update, index) => {
    const outcome = outcomes[index] ?? '';
    return isFailure(outcome) ? [{ update, index, outcome }] : [];
  });
  const [first] = failed;
  if (updates.length === 1 && first !== undefined) {
    const outcome = decodeOutcome(first.outcome, first.update.operation, first.update.params);
    if (outcome.status === 'failed') {
      throw outcomeError(outcome);
    }
  }
  const telemetry = traceForPutBack(job);
  await queue.addBulk(
    failed.map(({ update, index }) => ({
      name: job.name,
      data: toJobData([update]),
      opts: { ...JOB_OPTIONS, ...(telemetry && { telemetry }), jobId: putBackJobId(jobIdOf(job), index) },
    })),
  );
}

/**
 * The requests that brought the batch: which brought which update is not kept. Of many requests none: 256 jobs with 256
 * names each would be megabytes, and their ids lead to the batch, which has them.
 */
function traceForPutBack({ opts: { telemetry } }: Job): JobsOptions['telemetry'] {
  return (telemetry?.metadata?.length ?? 0) <= LONGEST_PUT_BACK_TRACE ? telemetry : undefined;
}

/** Idempotency receipts hold the id between spaces. Producers make UUIDs; this is about jobs added by hand. */
function jobIdOf({ id = '' }: Job): string {
  if (id === '' || /\s/.test(id)) {
    throw new ValidationError([
      { path: '', code: 'INVALID_UPDATE', message: `the job id "${id}" is empty or has spaces` },
    ]);
  }
  return id;
}
