import type { Update } from '../../src/index.js';
import type { Outcome } from '../../src/index.js';
import type { Family } from './result.js';

/** One change that the load asks for, however often it is sent, and what is known of it so far. */
export interface LoadEvent {
  readonly family: Family;
  readonly update: Update;
  /** What it does to each of its cells when it is applied. */
  readonly changes: readonly Change[];
  /** Times that it will still be sent. */
  sendingsLeft: number;
  /** Sendings without an answer. */
  unanswered: number;
  /** Accepted sendings without an outcome. */
  withoutOutcome: number;
  /** Whether a sending was accepted for certain. */
  wasAccepted: boolean;
  /** Whether the answer to a sending was lost. */
  mayBeAccepted: boolean;
  /** The outcome that says most of it. */
  outcome: Outcome | undefined;
  /** How often it was told as applied, and not as a repeat. */
  firstApplied: number;
}

export interface Change {
  /** Number of the cell. */
  readonly cell: number;
  readonly by: number;
}

export function createEvent(given: Pick<LoadEvent, 'family' | 'update' | 'changes'>, sendings: number): LoadEvent {
  return {
    ...given,
    sendingsLeft: sendings,
    unanswered: 0,
    withoutOutcome: 0,
    wasAccepted: false,
    mayBeAccepted: false,
    outcome: undefined,
    firstApplied: 0,
  };
}
