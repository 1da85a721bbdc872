import { parseUpdateId } from '../../../src/jobs/job-id.js';
import { wasRemoved } from './acts.js';
import { placeOf } from './cells.js';
import type { Evidence } from './evidence.js';
import { groupBy } from './group-by.js';
import { revertedBy } from './history.js';
import type { History } from './history.js';

/** A reverted update and its inverse cancel out exactly, and each is reverted once at most. */
export function* revertsCancelOut(evidence: Evidence, history: History): Generator<string> {
  const applied = history.applied.filter((update) => revertedBy(update) !== undefined);
  for (const [id, reverts] of groupBy(applied, revertedBy)) {
    const place = parseUpdateId(id ?? '');
    if (reverts.length > 1 || place === undefined) {
      yield `update ${id} was reverted ${reverts.length} times: ${reverts.map(placeOf).join(', ')}`;
      continue;
    }
    const original = history.carried(place.jobId, place.index);
    if (original === undefined) {
      if (!wasRemoved(evidence, history, place)) {
        yield `update ${id} was reverted, but no job holds it`;
      }
      continue;
    }
    if (original.changes.length === 0) {
      yield `update ${id} was reverted, but ${placeOf(original)} says "${original.outcome ?? 'nothing'}"`;
      continue;
    }
    const changes = groupBy([...original.changes, ...reverts.flatMap((revert) => revert.changes)], ({ cell }) => cell);
    for (const [cell, ofCell] of changes) {
      const sum = ofCell.reduce((total, { by }) => total + by, 0);
      if (sum !== 0) {
        yield `update ${id} and its inverse leave ${cell} changed by ${sum}`;
      }
    }
  }
  yield* acceptedHaveEnded(evidence, history);
}

function* acceptedHaveEnded(evidence: Evidence, history: History): Generator<string> {
  for (const { id, revert } of evidence.submissions) {
    if (typeof revert === 'object' && !wasRemoved(evidence, history, revert)) {
      if (history.endOf(revert.jobId, revert.index) === undefined) {
        yield `the revert of submission ${id}, accepted as update ${revert.index} of job ${revert.jobId}, is lost`;
      }
    }
  }
}
