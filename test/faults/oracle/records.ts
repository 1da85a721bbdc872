import { stringify } from 'safe-stable-stringify';
import type { Outcome } from '../../../src/index.js';
import { decodeFailure, decodeRecord } from '../../../src/jobs/form.js';
import { parseUpdateId, requeuedJobId } from '../../../src/jobs/job-id.js';
import { decodeOutcome, isUndone } from '../../../src/operations/outcome.js';
import type { Submission } from '../journal.js';
import { REGISTRY } from '../operations.js';
import { mayBeUnknown, wasRemoved, wasRetried } from './acts.js';
import { placeOf } from './cells.js';
import type { Evidence } from './evidence.js';
import { isDecision } from './history.js';
import type { End, History } from './history.js';
import { submittedContent } from './outcomes.js';
import { decodeKeyReceipt } from '../../../src/jobs/key-receipt.js';

/** What a producer was told, what the job keeps, its receipt and that of its key are the same. */
export function* recordsAgree(evidence: Evidence, history: History): Generator<string> {
  yield* jobsAgreeWithReceipts(evidence);
  yield* keysAgreeWithJobs(evidence, history);
  yield* toldAgreesWithJobs(evidence, history);
  yield* putBackAsTheyWere(history);
}

function* jobsAgreeWithReceipts({ jobs }: Evidence): Generator<string> {
  for (const { id, digest, returnvalue, mark, receipt, failedReason } of jobs) {
    const records = Object.entries({ result: returnvalue, mark, receipt }).filter(([, text]) => text !== undefined);
    if (new Set(records.map(([, text]) => text)).size > 1) {
      const words = records.map(([name, text]) => `${name} "${text ?? ''}"`);
      yield `job ${id}: its records differ: ${words.join(', ')}`;
    }
    const record = decodeRecord(returnvalue ?? mark ?? receipt);
    if (record !== undefined && record.digest !== digest) {
      yield `job ${id}: its record has the digest "${record.digest}", but its data has "${digest}", and nobody edited it`;
    }
    // Between an attempt that could not apply it and its end as failed, it may be cancelled.
    const isCancelled = record?.outcomes.every((outcome) => outcome === '#');
    if (
      failedReason !== undefined &&
      receipt !== undefined &&
      !isCancelled &&
      decodeFailure(failedReason).status === 'failed'
    ) {
      yield `job ${id} failed with "${failedReason}", but it has a receipt: "${receipt}"`;
    }
  }
}

function* keysAgreeWithJobs(evidence: Evidence, history: History): Generator<string> {
  const { idempotencyReceipts } = evidence;
  const decided = new Map(history.decided.map((update) => [update.keyName, update]));
  for (const [key, receipt] of idempotencyReceipts) {
    const { updateId = '', outcome } = decodeKeyReceipt(receipt) ?? {};
    const { jobId, index } = parseUpdateId(updateId) ?? { jobId: updateId, index: 0 };
    const end = history.endOf(jobId, index);
    if (end === undefined || !('outcome' in end) || end.outcome !== outcome) {
      yield `the receipt of the key "${key}" says "${outcome ?? receipt}" of update ${updateId}, but its job says "${wordsOf(end)}"`;
    }
  }
  for (const update of history.updates) {
    const { keyName: key, outcome = '' } = update;
    const first = decided.get(key);
    if (key === undefined || outcome === '') {
      continue;
    }
    if (isDecision(outcome) && !idempotencyReceipts.has(key)) {
      yield `${placeOf(update)} was decided, but its key "${key}" has no receipt`;
    }
    if (outcome.startsWith('=') && (first?.content !== update.content || outcome !== `=${first.outcome ?? ''}`)) {
      yield `${placeOf(update)} was answered "${outcome}" as a repeat, but the first with its key says "${first?.outcome ?? ''}" of: ${first?.content ?? 'no update'}`;
    }
    if (outcome === '~' && (first === undefined || first.content === update.content)) {
      yield `${placeOf(update)} was refused as a conflict, but no other update has its key "${key}"`;
    }
  }
}

function* toldAgreesWithJobs(evidence: Evidence, history: History): Generator<string> {
  for (const { id, update, job, outcome } of evidence.submissions) {
    const end = job && history.endOf(job.jobId, job.index);
    const found = job && history.find(job.jobId, job.index);
    if (job === undefined || outcome === undefined || end === undefined || found === undefined) {
      continue;
    }
    const where = `submission ${id} of update ${update.id}`;
    if (found.content !== submittedContent({ update })) {
      // Answered from the receipt of its key, which names another update.
      if (outcome.status !== 'conflict') {
        yield `${where} was told "${outcome.status}" of another update, ${placeOf(found)}`;
      }
      continue;
    }
    if (outcome.status === 'unknown') {
      if (!mayBeUnknown(evidence, found.job, outcome.reason)) {
        yield `${where} was told that nobody knows what became of it: ${outcome.reason}: ${outcome.message}`;
      }
      continue;
    }
    const isFinal = outcome.status !== 'failed';
    if (!isFinal && (wasRetried(evidence, history, job) || wasRemoved(evidence, history, job))) {
      continue; // by an operator: then it may have been applied, or its key was used since
    }
    if (!isFinal && 'outcome' in end && /^[=~#]/.test(end.outcome)) {
      continue; // sent again with its key, which was used since; or cancelled at that moment
    }
    const kept = outcomeOf(end, update);
    if (comparable(kept) !== comparable(outcome)) {
      yield `${where} was told ${comparable(outcome)}, but ${placeOf(found)} says ${comparable(kept)}`;
    }
  }
}

/** A job that a batch put back holds the update as the batch does, with its key; and the batch says that it was not applied. */
function* putBackAsTheyWere(history: History): Generator<string> {
  for (const batched of history.updates.filter(({ job }) => job.updates.length > 1)) {
    const { job, index, content, outcome } = batched;
    const putBack = history.find(requeuedJobId(job.id, index, job.addedAtMs), 0);
    if (putBack !== undefined && putBack.content !== content) {
      yield `${placeOf(batched)} was put back as another one: ${putBack.content} instead of ${content}`;
    }
    if (putBack !== undefined && outcome !== undefined && !isUndone(outcome)) {
      yield `${placeOf(batched)} was put back, but its batch says "${outcome}"`;
    }
  }
}

function outcomeOf(end: End, { operation, params }: Submission['update']): Outcome {
  const known = REGISTRY.find(operation);
  if (known === undefined) {
    throw new RangeError(`there is no operation "${operation}"`);
  }
  return 'outcome' in end ? decodeOutcome(end.outcome, known, params) : end.failure;
}

/** Whether an answer is a repeat depends on who asks first; what it says does not. */
function comparable(outcome: Outcome): string {
  return stringify({ ...outcome, duplicate: undefined, message: undefined, update: undefined }) ?? '';
}

function wordsOf(end: End | undefined): string {
  if (end === undefined) {
    return 'nothing';
  }
  return 'outcome' in end ? end.outcome : JSON.stringify(end.failure);
}
