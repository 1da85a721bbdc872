const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Between two attempts, as Standard Webhooks recommends: three days and three and a half hours in all. */
const WAITS_MS = [5_000, 5 * MINUTE_MS, 30 * MINUTE_MS, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR_MS)];

/** The first one, and one after each wait. */
export const DELIVERY_ATTEMPTS = WAITS_MS.length + 1;

/** Of each wait up to a tenth is added, so that what failed together does not come back together. */
const JITTER = 0.1;

/** The longest that a target may ask for: it would otherwise hold its deliveries for ever. */
const LONGEST_HOLD_MS = 24 * HOUR_MS;

/**
 * How long to wait after an attempt that failed, in ms.
 *
 * @param attemptsMade from 1 on
 * @param holdMs what the target asked for
 */
export function retryWaitMs(attemptsMade: number, holdMs = 0, random: () => number = Math.random): number {
  const fullMs = WAITS_MS[Math.min(attemptsMade, WAITS_MS.length) - 1] ?? 0;
  return Math.max(Math.round(fullMs * (1 + JITTER * random())), holdMs);
}

/** What `Retry-After` asks for in ms, as a number of seconds or a date; undefined when there is none that can be read. */
export function holdOf(retryAfter: string | undefined, nowMs = Date.now()): number | undefined {
  if (retryAfter === undefined) {
    return undefined;
  }
  const ms = /^\d{1,9}$/.test(retryAfter.trim()) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_HOLD_MS);
}
