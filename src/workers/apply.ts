import type { Job } from 'bullmq';
import { parseJobData, toJobData } from '../jobs/job-data.js';
import type { JobData } from '../jobs/job-data.js';
import { JOB_OPTIONS } from '../jobs/job-options.js';
import { putBackJobId } from '../jobs/job-id.js';
import type { JobResult, TallyQueue } from '../jobs/queues.js';
import { settledOutcomes } from '../jobs/queues.js';
import { decodeOutcome, isFailure, splitOutcomes } from '../operations/outcome.js';
import type { Registry } from '../operations/registry.js';
import type { CheckedUpdate } from '../operations/update.js';
import type { RedisClock } from '../redis/clock.js';
import type { Keys } from '../redis/keys.js';
import type { Script, ScriptRunner } from '../redis/scripts.js';
import { attemptError, outcomeError } from './failures.js';
import { buildScriptCall } from './script-call.js';

export interface ApplyDeps {
  readonly registry: Registry;
  readonly keys: Keys;
  readonly scripts: ScriptRunner;
  readonly script: Script;
  readonly clock: RedisClock;
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
  try {
    const updates = parseJobData(job.name, job.data, { registry: deps.registry, isReservedKey: deps.keys.isReserved });
    const outcomes = await runScript(job, updates, deps);
    if (outcomes.includes('?')) {
      await handleFailures(job, queue, updates, splitOutcomes(outcomes));
    }
    return outcomes;
  } catch (error) {
    throw attemptError(error);
  }
}

async function runScript(job: Job, updates: readonly CheckedUpdate[], deps: ApplyDeps): Promise<JobResult> {
  const { keys, clock, lockDurationMs, idempotencyWindowMs } = deps;
  // BullMQ notes processedOn before it takes the lock, so the lease ends before the lock could be lost.
  const leaseMs = (await clock.atLocalTime(job.processedOn ?? 0)) + lockDurationMs;
  const call = buildScriptCall(jobIdOf(job), updates, { keys, leaseMs, idempotencyWindowMs });
  try {
    return (await deps.scripts.run(deps.script, call.keys, call.args)) as JobResult;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('LEASE_EXPIRED')) {
      await clock.sample(); // in case it was the estimate of Redis' time that was off
    }
    throw error;
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
  await queue.addBulk(
    failed.map(({ update, index }) => ({
      name: job.name,
      data: toJobData([update]),
      opts: { ...JOB_OPTIONS, jobId: putBackJobId(jobIdOf(job), index) },
    })),
  );
}

function jobIdOf(job: Job): string {
  if (job.id === undefined) {
    throw new TypeError('BullMQ handed over a job without an id');
  }
  return job.id;
}
