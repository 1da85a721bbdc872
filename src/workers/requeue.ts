import type { Job, JobsOptions } from 'bullmq';
import { decodeRecord } from '../jobs/form.js';
import { formOfJob, toJobData } from '../jobs/job-data.js';
import { JOB_OPTIONS } from '../jobs/job-options.js';
import { requeuedJobId } from '../jobs/job-id.js';
import type { JobResult } from '../jobs/queues.js';
import { areAllApplied, decodeOutcome, isUndone, readFailedOutcome } from '../operations/outcome.js';
import type { Registry } from '../operations/registry.js';
import { readOrder } from './attempt.js';
import type { Attempt, Reading } from './attempt.js';
import { outcomeError } from './failures.js';
import type { JobGroups, JobUpdate } from './script-call.js';

/** Characters: about 20 requests. */
const LONGEST_TRACE = 1_000;

/**
 * Sees to the updates that a job's record says were not applied: a job of one update fails itself; a batch puts each of them
 * back as a job of its own and completes. What is in the record is not applied by the batch any more, whoever runs it: so
 * this may be done again, and must not be done before.
 *
 * @throws UnrecoverableError when it is a job of one update
 */
export async function requeueUnapplied(attempt: Attempt, record: JobResult, reading: Reading): Promise<void> {
  if (areAllApplied(record)) {
    return;
  }
  const { digest, outcomes } = decodeRecord(record) ?? { digest: '', outcomes: [] };
  if (!outcomes.some(isUndone) || digest !== attempt.digest) {
    return; // of edited data nobody can tell which update is which
  }
  const { job, place, name, form } = attempt;
  // Read once more rather than kept while the script runs: a busy worker has many jobs under way, and what is kept for each
  // costs the garbage collector more than the rare second reading.
  const { groups, stamp } = readOrder(attempt, reading);
  const updates = inPlace(groups);
  const [single] = updates;
  if (outcomes.length === 1 && single !== undefined) {
    throw outcomeError(failureOf(job.name, single, outcomes[0] ?? '', reading.registry), form);
  }
  const telemetry = traceOf(job);
  const undone = updates.flatMap((update, index) => (isUndone(outcomes[index] ?? '') ? [{ update, index }] : []));
  await place.queue.addBulk(
    undone.map(({ update, index }) => ({
      name: job.name,
      data: toJobData([update], stamp, reading.layouts.receipts, formOfJob(job.data)),
      opts: {
        ...JOB_OPTIONS,
        ...(telemetry && { telemetry }),
        jobId: requeuedJobId(name.jobId, index, name.addedAtMs),
      },
    })),
  );
}

/** The updates of a job in their places. */
export function inPlace(groups: JobGroups): JobUpdate[] {
  const updates: JobUpdate[] = [];
  for (const group of groups) {
    for (const [place, update] of group.updates.entries()) {
      updates[group.indexAt(place)] = update;
    }
  }
  return updates;
}

function failureOf(operationName: string, update: JobUpdate, outcome: string, registry: Registry) {
  const operation = 'operation' in update ? update.operation : registry.find(operationName);
  const decoded = operation === undefined ? undefined : decodeOutcome(outcome, operation, update.params);
  if (decoded?.status === 'failed' || decoded?.status === 'unknown') {
    return decoded;
  }
  // Of an operation that this worker does not know.
  return { status: 'failed' as const, ...(readFailedOutcome(outcome) ?? { reason: 'UNEXPECTED', message: outcome }) };
}

/**
 * The requests that brought the batch: which brought which update is not kept. Of many requests none: 256 jobs with 256
 * names each would be megabytes, and their ids lead to the batch, which has them.
 */
function traceOf({ opts: { telemetry } }: Job): JobsOptions['telemetry'] {
  return (telemetry?.metadata?.length ?? 0) <= LONGEST_TRACE ? telemetry : undefined;
}
