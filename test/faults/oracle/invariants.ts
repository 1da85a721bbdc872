import { bestsAreKept } from './bests.js';
import { cellsAddUp, wholeOrAbsent } from './cells.js';
import { missingIsSuffix } from './cut.js';
import { holdsAddUp } from './holds.js';
import type { Evidence, Violation } from './evidence.js';
import { History } from './history.js';
import { everyJobEnded, oneOutcomeEach } from './outcomes.js';
import { recordsAgree } from './records.js';
import { revertsCancelOut } from './reverts.js';
import { refusedChangedNothing } from './refused.js';
import { toldAsApplied } from './told.js';
import type { Submission } from '../journal.js';

/** What must hold whatever breaks. */
export const INVARIANTS: Readonly<Record<number, string>> = {
  1: 'every cell equals its start plus its applied updates, stock is never below zero, and stock, held and sold add up',
  2: 'every accepted update has one outcome, every unknown one was applied once or not at all',
  3: 'the outcome returned, the result of the job and the receipts agree',
  4: 'updates over several cells are whole or absent',
  5: 'what was refused, cancelled or failed changed nothing',
  6: 'after healing, the queues drain in time without hands',
  7: 'after a cut of the append-only file, what is missing is its end, and sending all again makes it exact',
  8: 'no connection, process or receipt is left behind',
  9: 'a reverted update and its inverse cancel out, each is reverted once; while workers live, each run of a schedule is made',
  10: 'the stream of outcomes has every applied update once, in the order of its changes, none that was not, and all were told',
};

/** Judges a run when nothing is under way any more. */
export function judge(evidence: Evidence): Violation[] {
  const history = new History(evidence);
  return [
    ...violations(1, cellsAddUp(evidence, history)),
    ...violations(1, holdsAddUp(evidence, history)),
    ...violations(1, bestsAreKept(evidence, history)),
    ...violations(2, oneOutcomeEach(evidence, history)),
    ...violations(3, recordsAgree(evidence, history)),
    ...violations(4, wholeOrAbsent(evidence)),
    ...violations(5, refusedChangedNothing(evidence, history)),
    ...violations(6, everyJobEnded(evidence)),
    ...violations(9, revertsCancelOut(evidence, history)),
    ...violations(10, toldAsApplied(evidence, history)),
  ];
}

/**
 * Judges what Redis holds after its append-only file was cut, before anything runs: what is there is there with all
 * that belongs to it.
 */
export function judgeCut(before: readonly Submission[], after: Evidence): Violation[] {
  const history = new History(after);
  return violations(7, [...cellsAddUp(after, history), ...wholeOrAbsent(after), ...missingIsSuffix(before, after)]);
}

export function violations(invariant: number, messages: Iterable<string>): Violation[] {
  return [...messages].map((message) => ({ invariant, message }));
}
