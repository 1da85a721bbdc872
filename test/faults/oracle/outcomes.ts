import { createRegistry } from '../../../src/operations/registry.js';
import { decodeOutcome, outcomeOfFailedJob } from '../../../src/operations/outcome.js';
import type { Outcome } from '../../../src/index.js';
import { parseUpdateId } from '../../../src/jobs/job-id.js';
import { stringify } from 'safe-stable-stringify';
import { witnessesOf } from '../cells.js';
import type { Submission } from '../journal.js';
import { groupBy } from './group-by.js';
import { placeOf, witnessedIds } from './cells.js';
import { valueOf } from './evidence.js';
import type { Evidence } from './evidence.js';
import { contentOf } from './history.js';
import type { End, History } from './history.js';

const registry = createRegistry();

/** Every accepted update has one outcome; every other was applied once or not at all; a key decides once. */
export function* oneOutcomeEach(evidence: Evidence, history: History): Generator<string> {
  yield* acceptedHaveOutcomes(evidence, history);
  yield* submittedOnce(evidence, history);
  yield* witnessesMatch(evidence, history);
  yield* keysDecideOnce(history);
}

function* acceptedHaveOutcomes({ submissions }: Evidence, history: History): Generator<string> {
  for (const { id, update, job, noOutcome } of submissions) {
    if (job === undefined) {
      continue;
    }
    const where = `submission ${id} of update ${update.id}, accepted as update ${job.index} of job ${job.jobId},`;
    if (noOutcome !== undefined) {
      yield `${where} was answered with an error instead of an outcome: ${noOutcome}`;
    }
    if (history.endOf(job.jobId, job.index) === undefined) {
      yield `${where} is lost: ${history.find(job.jobId, job.index) === undefined ? 'there is no such job' : 'its job has no outcome'}`;
    }
  }
}

/** No update is in more jobs than it was submitted, leaving out what was refused as not accepted. */
function* submittedOnce({ submissions }: Evidence, history: History): Generator<string> {
  const may = groupBy(
    submissions.filter(({ refusal }) => refusal?.accepted !== 'no'),
    submittedContent,
  );
  for (const [content, found] of groupBy(history.submitted, (update) => update.content)) {
    const allowed = may.get(content)?.length ?? 0;
    if (found.length > allowed) {
      const refused = submissions.filter((it) => it.refusal?.accepted === 'no' && submittedContent(it) === content);
      const words = refused.length > 0 ? `, and ${refused.length} times refused as not accepted` : '';
      yield `${found.map(placeOf).join(', ')}: the same update is in ${found.length} jobs, but was submitted ${allowed} times${words}: ${content}`;
    }
  }
}

function submittedContent({ update: { operation, params, idempotencyKey } }: Submission): string {
  return contentOf(operation, params, idempotencyKey);
}

function* witnessesMatch(evidence: Evidence, history: History): Generator<string> {
  const applied = new Map(
    history.applied.flatMap((update) => (update.witnessedId === undefined ? [] : [[update.witnessedId, update]])),
  );
  for (const id of witnessedIds(evidence.cells)) {
    const times = valueOf(evidence, witnessesOf(id)[0]);
    if (times > 1) {
      yield `update ${id} was applied ${times} times: ${said(history, id)}`;
    } else if (times === 1 && !applied.has(id)) {
      yield `update ${id} was applied, but no job says so: ${said(history, id)}`;
    }
  }
  for (const [id, update] of applied) {
    if (valueOf(evidence, witnessesOf(id)[0]) === 0) {
      yield `update ${id} was not applied, but ${placeOf(update)} says that it was`;
    }
  }
}

function said(history: History, id: string): string {
  const words = history.updates
    .filter(({ witnessedId }) => witnessedId === id)
    .map((update) => `${placeOf(update)} says "${update.outcome ?? update.job.failedReason ?? 'nothing'}"`);
  return words.length === 0 ? 'it is in no job' : words.join(', ');
}

function* keysDecideOnce(history: History): Generator<string> {
  for (const [key, decisions] of groupBy(history.decided, ({ idempotencyKey }) => idempotencyKey)) {
    if (key !== undefined && decisions.length > 1) {
      const words = decisions.map((decision) => `${placeOf(decision)} says "${decision.outcome ?? ''}"`);
      yield `the idempotency key "${key}" was decided ${decisions.length} times: ${words.join(', ')}`;
    }
  }
}

/** No job is left that nobody will ever finish. */
export function* everyJobEnded({ jobs }: Evidence): Generator<string> {
  for (const { id, queue, isFinished } of jobs) {
    if (!isFinished) {
      yield `job ${id} of the queue "${queue}" has not ended, and no queue knows of it`;
    }
  }
}

/** What a producer was told, what the job keeps, its receipt and that of its key are the same. */
export function* recordsAgree(evidence: Evidence, history: History): Generator<string> {
  yield* jobsAgreeWithReceipts(evidence);
  yield* keysAgreeWithJobs(evidence, history);
  yield* toldAgreesWithJobs(evidence, history);
}

function* jobsAgreeWithReceipts({ jobs }: Evidence): Generator<string> {
  for (const { id, returnvalue, mark, receipt, failedReason } of jobs) {
    const records = Object.entries({ result: returnvalue, mark, receipt }).filter(([, text]) => text !== undefined);
    if (new Set(records.map(([, text]) => text)).size > 1) {
      const words = records.map(([name, text]) => `${name} "${text ?? ''}"`);
      yield `job ${id}: its records differ: ${words.join(', ')}`;
    }
    if (failedReason?.endsWith('nothing was applied') === true && receipt !== undefined) {
      yield `job ${id} failed with "${failedReason}", but it has a receipt: "${receipt}"`;
    }
  }
}

function* keysAgreeWithJobs({ idempotencyReceipts }: Evidence, history: History): Generator<string> {
  const decided = new Map(history.decided.map((update) => [update.idempotencyKey, update]));
  for (const [key, receipt] of idempotencyReceipts) {
    const [, updateId = '', outcome] = /^\S+ (\S+) (.*)$/s.exec(receipt) ?? [];
    const { jobId, index } = parseUpdateId(updateId) ?? { jobId: updateId, index: 0 };
    const end = history.endOf(jobId, index);
    if (end === undefined || !('outcome' in end) || end.outcome !== outcome) {
      yield `the receipt of the key "${key}" says "${outcome ?? receipt}" of update ${updateId}, but its job says "${wordsOf(end)}"`;
    }
  }
  for (const update of history.updates) {
    const { idempotencyKey: key, outcome = '' } = update;
    const first = decided.get(key);
    if (key === undefined || outcome === '') {
      continue;
    }
    if (/^[^?=~]/.test(outcome) && !idempotencyReceipts.has(key)) {
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

function* toldAgreesWithJobs({ submissions }: Evidence, history: History): Generator<string> {
  for (const { id, update, job, outcome } of submissions) {
    const end = job && history.endOf(job.jobId, job.index);
    const found = job && history.find(job.jobId, job.index);
    if (job === undefined || outcome === undefined || end === undefined || found === undefined) {
      continue;
    }
    if (found.content !== submittedContent({ id, update })) {
      // Answered from the receipt of its key, which names another update.
      if (outcome.status !== 'conflict') {
        yield `submission ${id} of update ${update.id} was told "${outcome.status}" of another update, ${placeOf(found)}`;
      }
      continue;
    }
    const kept = outcomeOf(end, update);
    if (outcome.status === 'failed' && 'outcome' in end && /^[=~]/.test(end.outcome)) {
      continue; // a failure is not final: its key was used since, and then someone retried it
    }
    if (comparable(kept) !== comparable(outcome)) {
      yield `submission ${id} of update ${update.id} was told ${comparable(outcome)}, but ${placeOf(found)} says ${comparable(kept)}`;
    }
  }
}

function outcomeOf(end: End, { operation, params }: Submission['update']): Outcome {
  const known = registry.find(operation);
  if (known === undefined) {
    throw new RangeError(`there is no operation "${operation}"`);
  }
  return 'outcome' in end ? decodeOutcome(end.outcome, known, params) : outcomeOfFailedJob(end.failedReason);
}

/** Whether an answer is a repeat depends on who asks first; what it says does not. */
function comparable(outcome: Outcome): string {
  return stringify({ ...outcome, duplicate: undefined, message: undefined }) ?? '';
}

function wordsOf(end: End | undefined): string {
  if (end === undefined) {
    return 'nothing';
  }
  return 'outcome' in end ? end.outcome : end.failedReason;
}

/** What was refused changed nothing, and says so. */
export function* refusedChangedNothing(evidence: Evidence, history: History): Generator<string> {
  if (evidence.badCells !== BAD_CELLS_AT_START) {
    yield `cells that no update can change hold "${evidence.badCells}" instead of "${BAD_CELLS_AT_START}"`;
  }
  const applied = new Set(history.applied.map(({ content }) => content));
  for (const update of history.updates) {
    const { job, content, touchesBadCell, witnessedId, changes, outcome } = update;
    if (touchesBadCell && changes.length > 0) {
      yield `${placeOf(update)} names a cell that can't be changed, but was applied: "${outcome ?? ''}"`;
    }
    if (job.failedReason !== undefined && !touchesBadCell) {
      yield `${placeOf(update)} failed for good, though it can be applied: ${job.failedReason}`;
    }
    if (job.failedReason !== undefined && touchesBadCell && !job.failedReason.endsWith('nothing was applied')) {
      yield `${placeOf(update)} can't be applied, but its job does not say that nothing was: ${job.failedReason}`;
    }
    const refused = job.failedReason !== undefined || /^[!?~]/.test(outcome ?? '');
    const isWitnessed = witnessedId !== undefined && valueOf(evidence, witnessesOf(witnessedId)[0]) > 0;
    if (refused && isWitnessed && !applied.has(content)) {
      yield `${placeOf(update)} was refused with "${job.failedReason ?? outcome ?? ''}", but it was applied`;
    }
  }
}

export const BAD_CELLS_AT_START = 'a,b | twelve | 9007199254740986';
