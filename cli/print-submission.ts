import type { FoundUpdate, Outcome, Submission } from '../src/index.js';
import { wholeNumber } from './whole-number.js';

/** The flags of commands that send an update. */
export interface WaitFlags {
  readonly wait?: true;
  readonly timeout: string;
  readonly json?: true;
}

/** Prints what was sent, or with `--wait` what became of it, and sets the exit code. What became of a repeat is known already. */
export async function printSubmission(submission: Submission, flags: WaitFlags, timeoutMs: number): Promise<void> {
  const { id, jobId } = submission;
  const outcome = flags.wait || submission.isRepeat ? await submission.outcome({ timeoutMs }) : undefined;
  printOutcome({ id, jobId }, outcome, flags.json === true);
}

/** What JSON shows of an update beside its outcome. */
export type ShownUpdate = Pick<FoundUpdate, 'id'> & Partial<Pick<FoundUpdate, 'operation' | 'attempts' | 'jobId'>>;

/** An outcome of which only the status may be known. */
export type ShownOutcome = Outcome | Pick<Outcome, 'status'>;

/**
 * Prints what became of an update, and sets the exit code.
 *
 * @param outcome undefined while it waits or runs
 */
export function printOutcome(update: ShownUpdate, outcome: ShownOutcome | undefined, asJson: boolean): void {
  const answer = outcome ?? { status: 'accepted' };
  console.log(asJson ? JSON.stringify({ ...update, ...answer }) : lineOf(update.id, answer));
  process.exitCode = exitCodeOf(outcome?.status);
}

/** The outcome was not `applied`; it can't be told whether it was. */
const EXIT_FAILED = 1;
const EXIT_UNKNOWN = 4;

function exitCodeOf(status: Outcome['status'] | undefined): number {
  switch (status) {
    case undefined:
    case 'applied':
      return 0;
    case 'rejected':
    case 'conflict':
    case 'cancelled':
    case 'failed':
      return EXIT_FAILED;
    case 'unknown':
      return EXIT_UNKNOWN;
  }
}

/** @throws ConfigurationError */
export function parseTimeout(text: string): number {
  return wholeNumber('--timeout', text, { min: 1, max: 86_400_000, of: 'ms' });
}

function lineOf(id: string, answer: ShownOutcome | { readonly status: 'accepted' }): string {
  const duplicate = 'duplicate' in answer ? ' (sent before)' : '';
  if ('result' in answer) {
    return `${answer.status} ${JSON.stringify(answer.result)}${duplicate}`;
  }
  return 'reason' in answer
    ? `${answer.status} ${answer.reason}: ${answer.message}${duplicate}`
    : `${answer.status} ${id}`;
}
