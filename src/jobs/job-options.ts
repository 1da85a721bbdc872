import type { DefaultJobOptions } from 'bullmq';

/** Attempts of a job whose failures may pass: with the backoff below, about 5 minutes of trying. */
export const ATTEMPTS = 20;

const BACKOFF_FIRST_MS = 100;
export const LONGEST_BACKOFF_MS = 30_000;

/** The options that each job carries. Retention is the janitor's, so it costs no bytes in every job. */
export const JOB_OPTIONS = { attempts: ATTEMPTS, backoff: { type: 'tally' } } satisfies DefaultJobOptions;

/**
 * Milliseconds before the next attempt: doubling from 100 ms to 30 s, of which a random half is taken off, so
 * that jobs that failed together don't come back together.
 */
export function backoffMs(attemptsMade: number, random: () => number = Math.random): number {
  const fullMs = Math.min(LONGEST_BACKOFF_MS, BACKOFF_FIRST_MS * 2 ** (attemptsMade - 1));
  return Math.round(fullMs * (1 - random() / 2));
}

const DAY_MS = 24 * 3600 * 1000;

/** How long completed jobs stay, and so how long their outcomes can be asked for, unless told otherwise. */
export const KEEP_COMPLETED_MS = DAY_MS;

/** How long failed jobs stay, so that they can be retried; far less than the 400 days of an unsettled receipt. */
export const KEEP_FAILED_MS = 14 * DAY_MS;

/** Time to live of a job's receipt until the job is settled: longer than a job may be delayed, by more than it may wait. */
export const UNSETTLED_RECEIPT_MS = 400 * DAY_MS;

/**
 * How long a request to cancel may write that lingers in the network, in ms after its job was seen to have no outcome: less than
 * a receipt lives after its job was settled, so that one which comes later never takes an applied update for one to cancel.
 */
export const CANCEL_WITHIN_MS = 2_000;

/** Time to live of a receipt after its job was settled at least, whatever workers are told. */
export const LEAST_RECEIPT_MS = 2 * CANCEL_WITHIN_MS;
