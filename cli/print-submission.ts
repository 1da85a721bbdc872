import type { Outcome, Submission } from '../src/index.js';
import { ConfigurationError } from '../src/errors.js';

/** The flags of commands that send an update. */
export interface WaitFlags {
  readonly wait?: true;
  readonly timeout: string;
  readonly json?: true;
}

/** Prints what was sent, or with `--wait` what became of it, and sets the exit code. */
export async function printSubmission(submission: Submission, flags: WaitFlags, timeoutMs: number): Promise<void> {
  const outcome = flags.wait ? await submission.outcome({ timeoutMs }) : undefined;
  print(submission, outcome, flags.json === true);
  process.exitCode = exitCodeOf(outcome);
}

/** The outcome was not `applied`; it can't be told whether it was. */
const EXIT_FAILED = 1;
const EXIT_UNKNOWN = 4;

function exitCodeOf(outcome: Outcome | undefined): number {
  switch (outcome?.status) {
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
  const timeoutMs = Number(text);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 86_400_000) {
    throw new ConfigurationError(`--timeout must be a whole number of ms from 1 to 86400000, but is "${text}"`);
  }
  return timeoutMs;
}

function print({ id, jobId }: Submission, outcome: Outcome | undefined, asJson: boolean): void {
  const answer = outcome ?? { status: 'accepted' as const };
  if (asJson) {
    console.log(JSON.stringify({ id, jobId, ...answer }));
    return;
  }
  const duplicate = 'duplicate' in answer ? ' (sent before)' : '';
  switch (answer.status) {
    case 'accepted':
      console.log(`accepted ${id}`);
      break;
    case 'applied':
      console.log(`applied ${JSON.stringify(answer.result)}${duplicate}`);
      break;
    case 'rejected':
    case 'conflict':
    case 'cancelled':
    case 'failed':
    case 'unknown':
      console.log(`${answer.status} ${answer.reason}: ${answer.message}${duplicate}`);
  }
}
