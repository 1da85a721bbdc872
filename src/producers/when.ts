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
