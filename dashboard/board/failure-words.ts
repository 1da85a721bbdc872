import { decodeFailure, isFailure } from '../../src/jobs/form.js';
import type { Outcome } from '../../src/operations/outcome.js';

/** For people, without the version of its form: why a job failed for good, or an attempt at it. */
export function failureWords(failedReason: string, hasEnded: boolean): string {
  return hasEnded || isFailure(failedReason) ? outcomeWords(decodeFailure(failedReason)) : failedReason;
}

/** An outcome as a line, e.g. `unknown TOO_OLD: it stood for longer than ...`. */
export function outcomeWords(outcome: Outcome): string {
  const duplicate = 'duplicate' in outcome ? ' (duplicate)' : '';
  return outcome.status === 'applied'
    ? `applied${duplicate} ${JSON.stringify(outcome.result)}`
    : `${outcome.status}${duplicate} ${outcome.reason}: ${outcome.message}`;
}
