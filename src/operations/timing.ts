import { z } from 'zod';

/** When an update runs, and before which others. With any of these it goes as a job of its own. */
export interface Timing {
  /** Milliseconds to wait before it may run, 0 to 365 days; with an idempotency key, up to the time that keys are remembered. */
  readonly delayMs?: number | undefined;
  /** The time before which it may not run, in place of `delayMs`: a Date, or a text as in RFC 3339. At once when it is past. */
  readonly runAt?: Date | string | undefined;
  /** 1 (first) to 2,097,151; without it an update goes before those with one. */
  readonly priority?: number | undefined;
}

/** Receipts of jobs live 35 days longer. */
const LONGEST_DELAY_MS = 365 * 24 * 3600 * 1000;

const LARGEST_PRIORITY = 2_097_151;

const timestamp = z.iso.datetime({ offset: true });

const delayError = `must be a whole number of ms from 0 to ${LONGEST_DELAY_MS}, which are 365 days`;
const priorityError = `must be a whole number from 1 (first) to ${LARGEST_PRIORITY}`;

export const delaySchema = z.int({ error: delayError }).min(0, delayError).max(LONGEST_DELAY_MS, delayError);

export const prioritySchema = z
  .int({ error: priorityError })
  .min(1, priorityError)
  .max(LARGEST_PRIORITY, priorityError);

export const runAtSchema = z
  .custom<Date | string>((value) => !Number.isNaN(msOf(value)), {
    error: 'must be a time with its zone, as in RFC 3339: "2026-12-24T18:00:00Z"',
    abort: true,
  })
  .refine((value) => msOf(value) - Date.now() <= LONGEST_DELAY_MS, 'must not be more than 365 days ahead');

/** The properties of an update that say when it runs. */
export const timingShape = {
  delayMs: delaySchema.optional(),
  runAt: runAtSchema.optional(),
  priority: prioritySchema.optional(),
};

/** By this machine's clock, by which BullMQ dates jobs. @returns the ms from now on until then, none when it is past */
export function delayUntil(runAt: Date | string): number {
  return Math.max(0, Math.ceil(msOf(runAt) - Date.now()));
}

/** NaN for what is no time. RFC 3339 allows small letters, too. */
function msOf(value: unknown): number {
  if (value instanceof Date) {
    return value.getTime();
  }
  return typeof value === 'string' && timestamp.safeParse(value.toUpperCase()).success
    ? Date.parse(value.toUpperCase())
    : NaN;
}
