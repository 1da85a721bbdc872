import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Outcome } from '../../src/index.js';
import type { DrawnUpdate } from './drawn-update.js';

/** What a producer is told that reverts an update: where the inverse is. */
export type Reverting = { readonly jobId: string; readonly index: number } | 'not revertible' | 'unknown';

/** What a producer is told that takes an update back. */
export type Cancelling = 'cancelled' | 'not cancellable' | 'unknown';

/** One line of a producer's journal. It is written before what it announces, and after what it reports. */
export type Entry = { readonly submission: string } & (
  | { readonly type: 'intent'; readonly update: DrawnUpdate }
  | { readonly type: 'ack'; readonly jobId: string; readonly index: number }
  /** `unknown`: it may have been accepted all the same. */
  | { readonly type: 'refusal'; readonly accepted: 'no' | 'unknown'; readonly message: string }
  | { readonly type: 'outcome'; readonly outcome: Outcome }
  /** It was taken back, or was to be. */
  | { readonly type: 'cancel'; readonly told: Cancelling }
  /** What it did was taken back, or was to be. */
  | { readonly type: 'revert'; readonly told: Reverting }
  /** The outcome was asked for, and an error was the answer. */
  | { readonly type: 'no-outcome'; readonly message: string }
);

/** Notes an entry so that it is there even when the process is killed right after. */
export function note(journal: string, entry: Entry): void {
  appendFileSync(journal, `${JSON.stringify(entry)}\n`);
}

export function readJournal(journal: string): Entry[] {
  if (!existsSync(journal)) {
    return [];
  }
  const lines = readFileSync(journal, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Entry);
}

/** One attempt of a producer to have an update accepted, and what it was told. */
export interface Submission {
  readonly id: string;
  readonly update: DrawnUpdate;
  readonly job?: { readonly jobId: string; readonly index: number };
  readonly refusal?: { readonly accepted: 'no' | 'unknown'; readonly message: string };
  readonly outcome?: Outcome;
  readonly noOutcome?: string;
  readonly cancel?: Cancelling;
  /** What was told last. */
  readonly revert?: Reverting;
}

/** Joins what the entries say of each submission. */
export function submissionsOf(entries: readonly Entry[]): Submission[] {
  const submissions = new Map<string, Submission>();
  for (const entry of entries) {
    const known = submissions.get(entry.submission);
    if (entry.type === 'intent') {
      submissions.set(entry.submission, { id: entry.submission, update: entry.update });
    } else if (known !== undefined) {
      submissions.set(entry.submission, { ...known, ...whatIsSaid(entry) });
    }
  }
  return [...submissions.values()];
}

function whatIsSaid(entry: Exclude<Entry, { type: 'intent' }>): Partial<Submission> {
  switch (entry.type) {
    case 'ack':
      return { job: { jobId: entry.jobId, index: entry.index } };
    case 'refusal':
      return { refusal: { accepted: entry.accepted, message: entry.message } };
    case 'outcome':
      return { outcome: entry.outcome };
    case 'cancel':
      return { cancel: entry.told };
    case 'revert':
      return { revert: entry.told };
    case 'no-outcome':
      return { noOutcome: entry.message };
  }
}
