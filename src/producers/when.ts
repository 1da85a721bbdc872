import type { JobsOptions } from 'bullmq';
import { ValidationError } from '../errors.js';
import type { ValidationIssue } from '../errors.js';
import { delayUntil } from '../operations/timing.js';
import type { CheckedUpdate } from '../operations/update.js';
import type { SubmitOptions } from './shortcuts.js';

/** When a job runs that has one update. */
export interface When {
  readonly delayMs: number | undefined;
  readonly priority: number | undefined;
  /** What the caller has called the first. */
  readonly named: 'delay' | 'delayMs' | 'runAt';
}

/**
 * When an update runs: as it says itself, or else as is said for all of its call.
 *
 * @returns undefined when neither says so: then it may share its job
 */
export function whenOf(
  { timing }: Pick<CheckedUpdate, 'timing'>,
  { delay, runAt, priority }: { [Name in 'delay' | 'runAt' | 'priority']?: SubmitOptions[Name] | undefined },
): When | undefined {
  if (timing === undefined && delay === undefined && runAt === undefined && priority === undefined) {
    return undefined;
  }
  const ofUpdate = { priority: timing?.priority ?? priority };
  if (timing?.delayMs !== undefined) {
    return { ...ofUpdate, delayMs: timing.delayMs, named: 'delayMs' };
  }
  const at = timing?.runAt ?? (delay === undefined ? runAt : undefined);
  return at === undefined
    ? { ...ofUpdate, delayMs: delay, named: 'delay' }
    : { ...ofUpdate, delayMs: delayUntil(at), named: 'runAt' };
}

export function jobOptionsOf({ delayMs, priority }: When): JobsOptions {
  return { ...(delayMs !== undefined && { delay: delayMs }), ...(priority !== undefined && { priority }) };
}

const MINUTE_MS = 60_000;

/** How long after its time a delayed update may still be applied under its key: an hour of a day, and of a short window all of it. */
function allowanceOf(windowMs: number): number {
  return Math.max(Math.ceil(windowMs / 24), Math.min(windowMs, MINUTE_MS));
}

/** How long after it was sent a keyed update may be applied: one that is delayed by all of the window would be too old when it is due. */
export function windowOf(windowMs: number, delayMs = 0): number {
  return Math.max(windowMs, delayMs === 0 ? 0 : delayMs + allowanceOf(windowMs));
}

/** The longest that {@link windowOf} gives to an update which {@link requireWindow} lets pass: it is announced. */
export function longestWindowOf(windowMs: number): number {
  return windowOf(windowMs, windowMs);
}

/**
 * Makes sure that no keyed update runs at a time when its key may be forgotten.
 *
 * @param isOne whether the call is about a single update, so that places need no index
 * @throws ValidationError naming those that would
 */
export function requireWindow(
  updates: readonly CheckedUpdate[],
  whens: readonly (When | undefined)[],
  windowMs: number,
  isOne: boolean,
): void {
  const issues = updates.flatMap(({ idempotencyKey }, index): ValidationIssue[] => {
    const { delayMs = 0, named = 'delay' } = whens[index] ?? {};
    if (idempotencyKey === undefined || delayMs <= windowMs) {
      return [];
    }
    const message =
      `${named} is ${delayMs} ms ahead, but idempotency keys are remembered for ${windowMs} ms: delay it by less, raise ` +
      'idempotencyWindowMs (TALLY_IDEMPOTENCY_WINDOW_MS), or send it without a key';
    const path = isOne || named === 'delay' ? named : `[${index}].${named}`; // a delay is that of the whole call
    return [{ path, code: 'DELAY_PAST_WINDOW', message }];
  });
  if (issues.length > 0) {
    throw new ValidationError(eachPlaceOnce(issues) as [ValidationIssue, ...ValidationIssue[]]);
  }
}

function eachPlaceOnce(issues: readonly ValidationIssue[]): ValidationIssue[] {
  return [...new Map(issues.map((issue) => [issue.path, issue])).values()];
}
