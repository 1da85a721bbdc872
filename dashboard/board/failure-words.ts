import { decodeFailure, isFailure } from '../../src/jobs/form.js';
import type { Outcome } from '../../src/operations/outcome.js';

/** For people, without the version of its form: why a job failed for good, or an attempt at it. */
export function failureWords(failedReason: string, hasEnded: boolean): string {
  return hasEnded || isFailure(failedReason) ? outcomeWords(decodeFailure(failedReason)) : failedReason;
}

/** The same wherever it stands within a text, such as a stack. */
export function withoutForm(text: string): string {
  return text.replace(/\btally\/\d+ (?=(failed|unknown) [A-Z_]+: )/g, '');
}

/** An outcome as a line, e.g. `unknown TOO_OLD: it stood for longer than ...`. */
export function outcomeWords(outcome: Outcome): string {
  const duplicate = 'duplicate' in outcome ? ' (duplicate)' : '';
  return outcome.status === 'applied'
    ? `applied${duplicate} ${JSON.stringify(outcome.result)}`
    : `${outcome.status}${duplicate} ${outcome.reason}: ${outcome.message}`;
}
