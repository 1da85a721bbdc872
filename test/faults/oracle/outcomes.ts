import { witnessesOf } from '../cells.js';
import type { Submission } from '../journal.js';
import { groupBy } from './group-by.js';
import { placeOf, witnessedIds } from './cells.js';
import { valueOf } from './evidence.js';
import type { Evidence } from './evidence.js';
import { contentOf } from './history.js';
import type { History } from './history.js';
import { wasRemoved } from './acts.js';

/** Every accepted update has one outcome; every other was applied once or not at all; a key decides once. */
export function* oneOutcomeEach(evidence: Evidence, history: History): Generator<string> {
  yield* acceptedHaveOutcomes(evidence, history);
  yield* submittedOnce(evidence, history);
  yield* witnessesMatch(evidence, history);
  yield* keysDecideOnce(history);
}

function* acceptedHaveOutcomes(evidence: Evidence, history: History): Generator<string> {
  for (const { id, update, job, noOutcome } of evidence.submissions) {
    if (job === undefined || wasRemoved(evidence, history, job)) {
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

export function submittedContent({
  update: { operation, params, idempotencyKey },
}: Pick<Submission, 'update'>): string {
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
  for (const [key, decisions] of groupBy(history.decided, ({ keyName }) => keyName)) {
    if (key !== undefined && decisions.length > 1) {
      const words = decisions.map((decision) => `${placeOf(decision)} says "${decision.outcome ?? ''}"`);
      yield `the idempotency key "${key}" was decided ${decisions.length} times: ${words.join(', ')}`;
    }
  }
}

/** No job is left that nobody will ever finish. */
export function* everyJobEnded({ jobs, acts }: Evidence): Generator<string> {
  for (const { name, id, queue, isFinished } of jobs) {
    if (!isFinished && !acts.removed.has(name)) {
      yield `job ${id} of the queue "${queue}" has not ended, and no queue knows of it`;
    }
  }
}
