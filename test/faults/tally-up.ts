import { witnessesOf } from './cells.js';
import { valueOf } from './oracle/evidence.js';
import type { Evidence } from './oracle/evidence.js';
import { witnessedIn } from './oracle/history.js';

/** The figures of a run. */
export interface UpdateCounts {
  /** Attempts to have an update accepted. */
  readonly submissions: number;
  readonly accepted: number;
  readonly refused: number;
  /** Nobody told the producer whether they were accepted, or a cut has made void what it was told. */
  readonly unknown: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Updates that were told to be applied and were not. */
  readonly lost: number;
  /** Updates that were applied more than once. */
  readonly doubled: number;
}

/** Counts from what the producers were told and what the witnesses say, whatever the side. */
export function countUpdates(evidence: Evidence): UpdateCounts {
  const outcomes: Record<string, number> = {};
  const told = new Set<string>();
  const witnessed = new Set<string>();
  let [accepted, refused, unknown] = [0, 0, 0];
  for (const { update, job, refusal, outcome } of evidence.submissions) {
    const id = witnessedIn(JSON.stringify(update.params));
    if (id !== undefined) {
      witnessed.add(id);
    }
    if (outcome !== undefined) {
      outcomes[outcome.status] = (outcomes[outcome.status] ?? 0) + 1;
      if (outcome.status === 'applied' && id !== undefined) {
        told.add(id);
      }
    }
    if (job !== undefined) {
      accepted += 1;
    } else if (refusal?.accepted === 'no') {
      refused += 1;
    } else {
      unknown += 1;
    }
  }
  const timesApplied = (id: string) => valueOf(evidence, witnessesOf(id)[0]);
  return {
    submissions: evidence.submissions.length,
    accepted,
    refused,
    unknown,
    outcomes,
    lost: [...told].filter((id) => timesApplied(id) === 0).length,
    doubled: [...witnessed].filter((id) => timesApplied(id) > 1).length,
  };
}

export function addCounts(one: UpdateCounts, other: UpdateCounts): UpdateCounts {
  const outcomes = { ...one.outcomes };
  for (const [status, count] of Object.entries(other.outcomes)) {
    outcomes[status] = (outcomes[status] ?? 0) + count;
  }
  return {
    submissions: one.submissions + other.submissions,
    accepted: one.accepted + other.accepted,
    refused: one.refused + other.refused,
    unknown: one.unknown + other.unknown,
    outcomes,
    lost: one.lost + other.lost,
    doubled: one.doubled + other.doubled,
  };
}
