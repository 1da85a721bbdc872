import type { Job, JobsOptions } from 'bullmq';
import { parseJobData, toJobData } from '../jobs/job-data.js';
import type { JobData } from '../jobs/job-data.js';
import { JOB_OPTIONS } from '../jobs/job-options.js';
import { putBackJobId } from '../jobs/job-id.js';
import type { JobResult, TallyQueue } from '../jobs/queues.js';
import { settledOutcomes } from '../jobs/queues.js';
import { decodeOutcome, isFailure, splitOutcomes } from '../operations/outcome.js';
import type { Registry } from '../operations/registry.js';
import type { CheckedUpdate } from '../operations/update.js';
import type { Redis } from 'ioredis';
import { ValidationError } from '../errors.js';
import type { RedisClock } from '../redis/clock.js';
import type { Keys } from '../redis/keys.js';
import type { WorkerMetrics } from '../metrics/worker-metrics.js';
import type { Script, ScriptRunner } from '../redis/scripts.js';
import { attemptError, outcomeError, PartlyAppliedError } from './failures.js';
import { attemptAskedAtMs } from './queue-worker.js';
import { buildScriptCall, UNSETTLED_RECEIPT_MS } from './script-call.js';
import type { ScriptCall } from './script-call.js';

/** A receipt is not relied on in the last minute of its life. */
const FORGETTING_MARGIN_MS = 60_000;

/** Characters: about 20 requests. */
const LONGEST_PUT_BACK_TRACE = 1_000;

export interface ApplyDeps {
  readonly redis: Redis;
  readonly registry: Registry;
  readonly keys: Keys;
  readonly scripts: ScriptRunner;
  readonly script: Script;
  readonly clock: RedisClock;
  readonly metrics: WorkerMetrics | undefined;
  readonly lockDurationMs: number;
  readonly idempotencyWindowMs: number;
}

/**
 * Applies one job, the BullMQ processor of every queue.
 *
 * @returns the outcomes, kept as the job's return value
 * @throws an error whose message says whether anything was applied; `UnrecoverableError` when a retry is of no use
 */
export async function applyJob(job: Job<JobData, JobResult>, queue: TallyQueue, deps: ApplyDeps): Promise<JobResult> {
  const settled = settledOutcomes(job.progress);
  if (settled !== undefined) {
    return settled;
  }
  const outcomes = await runScript(job, deps).catch((error: unknown) => {
    throw attemptError(error);
  });
  if (outcomes.includes('?')) {
    await handleFailures(job, queue, readUpdates(job, deps), splitOutcomes(outcomes)).catch((error: unknown) => {
      throw attemptError(error, { afterScript: true });
    });
  }
  return outcomes;
}

/**
 * The job's updates, checked. Read again after a failure rather than kept while the script runs: a busy worker has
 * many jobs under way, and what is kept for each costs the garbage collector more than the rare second reading.
 */
function readUpdates(job: Job<JobData, JobResult>, { registry, keys }: ApplyDeps): CheckedUpdate[] {
  return parseJobData(job.name, job.data, { registry, isReservedKey: keys.isReserved });
}

async function runScript(job: Job<JobData, JobResult>, deps: ApplyDeps): Promise<JobResult> {
  const { keys, clock, lockDurationMs, idempotencyWindowMs } = deps;
  const startedMs = clock.at(attemptAskedAtMs(job)); // so the lease ends before the lock could be lost
  let call: ScriptCall;
  try {
    const updates = readUpdates(job, deps); // first: someone may have added a job whose data is not even an object
    requireRemembered(job, startedMs, idempotencyWindowMs);
    const leaseMs = startedMs + lockDurationMs;
    call = buildScriptCall(jobIdOf(job), updates, { keys, leaseMs, idempotencyWindowMs });
  } catch (error) {
    return await answerFromReceipt(job, error, deps);
  }
  const { scripts, script, metrics } = deps;
  const sentAtMs = performance.now();
  try {
    const outcomes = (await scripts.run(script, call.keys, call.args)) as JobResult;
    metrics?.scriptAnswered(job.queueName, performance.now() - sentAtMs);
    return outcomes;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('LEASE_EXPIRED')) {
      await clock.sample(); // in case it was the estimate of Redis' time that was off
    }
    throw error;
  }
}

/**
 * A job that this worker can't read may have been applied by one that could, before that one died: by a worker of
 * another version, or that knew an operation more. No other attempt can write any more, so its receipt decides.
 */
async function answerFromReceipt(job: Job, reason: unknown, { redis, keys }: ApplyDeps): Promise<JobResult> {
  const receipt = await redis.get(keys.jobReceipt(jobIdOf(job)));
  if (receipt === null) {
    throw reason;
  }
  if (receipt.includes('?')) {
    throw new PartlyAppliedError((reason as Error).message);
  }
  return receipt;
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
  job: Job<JobData, JobResult>,
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
