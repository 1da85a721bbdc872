import { putBackJobId } from '../jobs/job-id.js';
import type { Operation } from '../operations/operation.js';
import { decodeOutcome, isFailure, outcomeOfFailedJob } from '../operations/outcome.js';
import type { Outcome } from '../operations/outcome.js';
import type { OutcomeListener } from './outcome-listener.js';

/**
 * Waits for the outcome of one update. If it failed within a batch, the batch put it back as a job of its own,
 * and that job's end is the outcome.
 */
export async function followOutcome(
  listener: OutcomeListener,
  operation: Operation,
  params: unknown,
  { jobId, index }: { jobId: string; index: number },
  timeoutMs: number,
): Promise<Outcome> {
  const endsAt = Date.now() + timeoutMs;
  const end = await listener.wait(jobId, index, timeoutMs);
  if ('failedReason' in end) {
    return outcomeOfFailedJob(end.failedReason);
  }
  const outcome = end.outcomes[index] ?? '';
  if (isFailure(outcome)) {
    const putBack = { jobId: putBackJobId(jobId, index), index: 0 };
    return followOutcome(listener, operation, params, putBack, Math.max(0, endsAt - Date.now()));
  }
  return decodeOutcome(outcome, operation, params);
}
