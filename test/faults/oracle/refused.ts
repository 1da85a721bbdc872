import { decodeFailure } from '../../../src/jobs/form.js';
import { witnessesOf } from '../cells.js';
import { mayBeUnknown, wasRemoved } from './acts.js';
import { placeOf } from './cells.js';
import { valueOf } from './evidence.js';
import type { Evidence } from './evidence.js';
import type { History, JobUpdate } from './history.js';

/** What was refused or taken back changed nothing, and says so. */
export function* refusedChangedNothing(evidence: Evidence, history: History): Generator<string> {
  yield* cancelledStaysSo(evidence, history);
  if (evidence.badCells !== BAD_CELLS_AT_START) {
    yield `cells that no update can change hold "${evidence.badCells}" instead of "${BAD_CELLS_AT_START}"`;
  }
  const applied = new Set(history.applied.map(({ content }) => content));
  for (const update of history.updates) {
    const { job, touchesBadCell, changes, outcome = '' } = update;
    if (touchesBadCell && changes.length > 0) {
      yield `${placeOf(update)} names a cell that can't be changed, but was applied: "${outcome}"`;
    }
    if (outcome.startsWith('*')) {
      yield `${placeOf(update)} was not applied since nobody knows whether it was: "${outcome}"`;
    }
    if (job.failedReason !== undefined && update.outcome === undefined) {
      yield* failedForGood(evidence, update, job.failedReason);
    }
    if (isRefused(update) && !applied.has(update.content) && isWitnessed(evidence, update)) {
      yield `${placeOf(update)} was refused with "${job.failedReason ?? outcome}", but it was applied`;
    }
  }
}

/** Whoever is told that an update is cancelled can rely on it. */
function* cancelledStaysSo(evidence: Evidence, history: History): Generator<string> {
  for (const { id, update, job, cancel } of evidence.submissions) {
    if (cancel !== 'cancelled' || job === undefined || wasRemoved(evidence, history, job)) {
      continue;
    }
    const end = history.endOf(job.jobId, job.index);
    const said = end === undefined ? 'nothing' : 'outcome' in end ? end.outcome : end.failure.status;
    if (!/^=?#$/.test(said)) {
      yield `submission ${id} of update ${update.id} was told "cancelled", but job ${job.jobId} says "${said}"`;
    }
  }
}

function* failedForGood(evidence: Evidence, update: JobUpdate, failedReason: string): Generator<string> {
  const { job, touchesBadCell, touchesFlakyCell, idempotencyKey } = update;
  const { status, ...rest } = decodeFailure(failedReason);
  if (status === 'unknown') {
    const reason = 'reason' in rest ? rest.reason : '';
    if (!mayBeUnknown(evidence, job, reason)) {
      yield `${placeOf(update)} failed for good, and nobody knows whether it was applied: ${failedReason}`;
    }
  } else if (!touchesBadCell && !touchesFlakyCell && !(job.addedAtMs !== undefined && idempotencyKey !== undefined)) {
    yield `${placeOf(update)} failed for good, though it can be applied: ${failedReason}`;
  }
}

/** Strictly: an update of which nobody knows may have been applied. */
function isRefused({ job: { failedReason }, outcome }: JobUpdate): boolean {
  return outcome === undefined
    ? failedReason !== undefined && decodeFailure(failedReason).status === 'failed'
    : /^[!?~#]/.test(outcome);
}

function isWitnessed(evidence: Evidence, { witnessedId }: JobUpdate): boolean {
  return witnessedId !== undefined && valueOf(evidence, witnessesOf(witnessedId)[0]) > 0;
}

export const BAD_CELLS_AT_START = 'a,b | twelve | 9007199254740986';
