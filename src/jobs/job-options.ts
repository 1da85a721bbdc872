import type { DefaultJobOptions, KeepJobs } from 'bullmq';

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

/** Completed jobs stay for a day, the last 10,000 at most: a completed batch of 256 is about 20 KB. */
export const KEEP_COMPLETED = { age: 24 * 3600, count: 10_000 } satisfies KeepJobs;

/** Failed jobs stay for 14 days, so that they can be retried; less than the 30 days of an unsettled receipt. */
export const KEEP_FAILED = { age: 14 * 24 * 3600, count: 100_000 } satisfies KeepJobs;
