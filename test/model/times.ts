/**
 * Times of the model, in ticks. Their order is that of the real ones; a tick stands for more or less than it does there.
 *
 * lease < settled receipt < window + margin < unsettled receipt
 */

/** An attempt may write from its start on for this long: the lock of its job. */
export const LEASE = 1;

/** Life of a job's receipt once the job is settled: 10 minutes. */
export const SETTLED_RECEIPT = 2;

/** Life of a job's receipt until then: 400 days. */
export const UNSETTLED_RECEIPT = 7;

/** An update without a key is not applied in the last part of an unsettled receipt's life: 1 hour. */
export const UNSETTLED_MARGIN = 1;

/** Idempotency windows: 24 hours, and a longer one. */
export const WINDOW = 1;
export const LONG_WINDOW = 4;

/** An idempotency receipt outlives the largest announced window by this: 10 minutes. */
export const WINDOW_MARGIN = 2;

/** The clock is raised before anything is stamped or applied that lies further ahead of it: 5 minutes, here no tick. */
export const CLOCK_TOLERANCE = 0;

/** How long jobs that failed are kept. */
export const FAILED_KEPT = 3;

/** How far a clock steps, or is off: further than a window with its margin, or the order of times would hide it. */
export const CLOCK_STEP = 5;

/** What was stamped longer ago makes no difference any more. */
export const FORGOTTEN = UNSETTLED_RECEIPT - UNSETTLED_MARGIN;
