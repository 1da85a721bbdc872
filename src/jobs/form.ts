import { CANCELLED, joinOutcomes, splitOutcomes } from '../operations/outcome.js';
import type { Outcome, Reason } from '../operations/outcome.js';

/**
 * The version of the forms in which jobs, receipts, return values and failure reasons are stored. All of them carry it. It is
 * raised with each change that an older version of Tally would misread; see docs/upgrading.md.
 */
export const FORM = 2;

/** What was recorded of a job when its script ran: in its receipt, its return value, and its mark. */
export interface JobRecord {
  /** Of the data that was applied, see `digestOfJob`. */
  readonly digest: string;
  /** One for each update, in its place, in the script's form. */
  readonly outcomes: readonly string[];
}

/** The start of a record, up to its outcomes. */
export function recordHead(form: number, digest: string): string {
  return `tally/${form} ${digest} `;
}

export function encodeRecord(form: number, { digest, outcomes }: JobRecord): string {
  return recordHead(form, digest) + joinOutcomes(outcomes);
}

/** @returns undefined for what Tally did not write, or what a newer version did */
export function decodeRecord(text: unknown): JobRecord | undefined {
  const [, form, digest = '', outcomes = ''] =
    /^tally\/(\d+) (\S+) (.*)$/s.exec(typeof text === 'string' ? text : '') ?? [];
  return form === undefined || Number(form) > FORM ? undefined : { digest, outcomes: splitOutcomes(outcomes) };
}

/** Whether it is of an update that was cancelled: that has a job of its own. */
export function isOfCancelled({ outcomes }: JobRecord): boolean {
  return outcomes.length === 1 && outcomes[0] === CANCELLED;
}

/** The same of the text of a record; most are told apart at a glance. */
export function saysCancelled(text: unknown): boolean {
  const record = typeof text === 'string' && text.endsWith(CANCELLED) ? decodeRecord(text) : undefined;
  return record !== undefined && isOfCancelled(record);
}

/** Whether this return value is a record of Tally's, of whatever form. */
export function isRecord(returned: unknown): boolean {
  return typeof returned === 'string' && /^tally\/\d+ /.test(returned);
}

/** Why a job failed for good: its update was not applied, or that can't be told. */
export interface JobFailure {
  readonly status: 'failed' | 'unknown';
  readonly reason: string;
  readonly message: string;
}

/** The text of a job's `failedReason`. */
export function encodeFailure({ status, reason, message }: JobFailure, form = FORM): string {
  return `tally/${form} ${status} ${reason}: ${message}`;
}

/** Whether Tally wrote this `failedReason`. */
export function isFailure(failedReason: string): boolean {
  return /^tally\/\d+ (failed|unknown) /.test(failedReason);
}

/** For people: without the version of its form, wherever a failure stands within a text, such as a stack. */
export function withoutForm(text: string): string {
  return text.replace(/\btally\/\d+ (?=(failed|unknown) [A-Z_]+: )/g, '');
}

/** The outcome of each update of a job that failed for good. */
export function decodeFailure(failedReason: string): Outcome<never> {
  const [, status, reason = '', message = ''] =
    /^tally\/\d+ (failed|unknown) ([A-Z_]+): (.*)$/s.exec(failedReason) ?? [];
  return status === 'failed' || status === 'unknown'
    ? { status, reason, message }
    : { status: 'unknown', ...endedByOthers(`it failed the job with "${failedReason}"`) };
}

/** The reason of an update whose job somebody else ended. */
export function endedByOthers(how: string): Reason {
  return {
    reason: 'FOREIGN_WORKER',
    message: `a worker that is not Tally's took the job: ${how}; a retry applies it if it was not applied`,
  };
}
