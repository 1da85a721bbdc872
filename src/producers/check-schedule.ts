import { z } from 'zod';
import { nextOfCron } from '../bullmq/ticks.js';
import { ValidationError } from '../errors.js';
import { inWords } from '../lib/schema-words.js';
import { isTimeZone } from '../lib/zoned-time.js';
import type { ValidationCode, ValidationIssue } from '../errors.js';
import { namesBucket } from './unchecked-update.js';
import { singlesOf } from '../operations/transaction.js';
import { checkUpdate, pathText } from '../operations/update.js';
import type { CheckContext, CheckedUpdate } from '../operations/update.js';
import { distinctIssues } from '../lib/distinct-issues.js';

/** A schedule as it is asked for: with `cron`, in a time zone, or `everyMs`. */
export interface ScheduleRequest<OneUpdate = unknown> {
  /** 1 to 100 letters, digits, `.`, `_` and `-`, the first a letter or digit. Another one of the same id is replaced. */
  readonly id: string;
  /**
   * A cron expression of 5 fields, or 6 with seconds first. A time that a change to daylight saving leaves out comes an hour
   * later by the clock, but for where that is midnight or less than an hour (Cairo, Santiago, Lord Howe): there it does not come
   * on that day. One that comes twice counts once. `H` is refused.
   */
  readonly cron?: string | undefined;
  /** That the cron expression is meant in, e.g. `Europe/Berlin`. @defaultValue UTC */
  readonly timeZone?: string | undefined;
  /** Every so many ms, 1,000 to 365 days, the first time at once. */
  readonly everyMs?: number | undefined;
  /** Without an idempotency key: each run is an update of its own. */
  readonly update: OneUpdate;
  /** Whether it stands still until {@link Schedules.resume}. @defaultValue false */
  readonly paused?: boolean | undefined;
}

export interface CheckedSchedule {
  readonly id: string;
  readonly cron: string | undefined;
  readonly timeZone: string | undefined;
  readonly everyMs: number | undefined;
  readonly paused: boolean;
  readonly update: CheckedUpdate;
}

const DAY_MS = 24 * 3600 * 1000;
const LEAST_MS = 1_000;
const MOST_MS = 365 * DAY_MS;

const everyError = `must be a whole number of ms from ${LEAST_MS} to ${MOST_MS}, which are 365 days`;
const cronError = 'must be a cron expression of 200 characters at most, e.g. "0 0 * * *"';
const idError = 'must be 1 to 100 letters, digits, ".", "_" and "-", the first a letter or digit';

const scheduleIdSchema = z.string({ error: idError }).regex(/^[A-Za-z0-9][\w.-]{0,99}$/, idError);

export const recurrenceShape = {
  cron: z.string({ error: cronError }).min(1, cronError).max(200, cronError).optional(),
  timeZone: z
    .string({ error: 'must be the name of a time zone, e.g. "Europe/Berlin"' })
    .refine(isTimeZone, 'is not a time zone that is known here, as "Europe/Berlin" is')
    .optional(),
  everyMs: z.int({ error: everyError }).min(LEAST_MS, everyError).max(MOST_MS, everyError).optional(),
  paused: z.boolean({ error: 'must be true or false' }).default(false),
};

const requestSchema = z
  .strictObject({ id: scheduleIdSchema, ...recurrenceShape, update: z.unknown().optional() }) // it is checked by itself
  .superRefine(({ cron, timeZone, everyMs }, context) => {
    const refuse = (path: string, message: string) => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    if ((cron === undefined) === (everyMs === undefined)) {
      refuse('cron', 'give cron or everyMs: one of the two');
    }
    if (everyMs !== undefined && timeZone !== undefined) {
      refuse('timeZone', 'is for cron: leave it out with everyMs');
    }
    if (cron !== undefined && (timeZone === undefined || isTimeZone(timeZone))) {
      const fault = faultOfCron(cron, timeZone);
      if (fault !== undefined) {
        refuse('cron', fault);
      }
    }
  });

/** @throws ValidationError with every issue found */
export function checkSchedule(request: unknown, context: CheckContext): CheckedSchedule {
  const parsed = requestSchema.safeParse(request, { error: inWords });
  const issues = (parsed.success ? [] : distinctIssues(parsed.error)).map(({ path, message }) =>
    issue(pathText(path), 'INVALID_SCHEDULE', message),
  );
  const { update } = (request ?? {}) as { update?: unknown };
  let checked: CheckedUpdate | undefined;
  const buckets = placesOfBuckets(update, context);
  if (buckets.length > 0) {
    const message = 'leave it out: all runs would count in the bucket of the time at which the schedule is put';
    issues.push(...buckets.map((path) => issue(`update.params.${path}`, 'INVALID_SCHEDULE', message)));
  } else {
    try {
      checked = checkUpdate(update, context);
    } catch (error) {
      if (!(error instanceof ValidationError)) {
        throw error;
      }
      issues.push(
        ...error.issues.map((of) => issue(of.path === '' ? 'update' : `update.${of.path}`, of.code, of.message)),
      );
    }
  }
  if (checked?.idempotencyKey !== undefined) {
    const message = 'leave it out: each run of a schedule is an update of its own, and takes effect once';
    issues.push(issue('update.idempotencyKey', 'INVALID_SCHEDULE', message));
  }
  if (checked?.timing !== undefined) {
    issues.push(
      issue('update', 'INVALID_SCHEDULE', 'leave out delayMs, runAt and priority: the schedule says when it runs'),
    );
  }
  if (!parsed.success || checked === undefined || issues.length > 0) {
    throw new ValidationError(issues as [ValidationIssue, ...ValidationIssue[]]);
  }
  const { id, cron, timeZone, everyMs, paused } = parsed.data;
  return { id, cron, timeZone: cron === undefined ? undefined : (timeZone ?? 'UTC'), everyMs, paused, update: checked };
}

/** Where an update, or those of a transaction, name buckets. A param of that name in an operation of one's own is whatever that makes of it. */
function placesOfBuckets(update: unknown, { registry }: CheckContext): string[] {
  const whole = (update ?? {}) as { operation: unknown };
  return singlesOf(whole).flatMap((single: { operation?: unknown } | null, index) => {
    const operation = single?.operation;
    const counts = typeof operation === 'string' && registry.isBuiltIn(operation) && namesBucket(single);
    return counts ? [single === whole ? 'bucket' : `updates[${index}].params.bucket`] : [];
  });
}

function issue(path: string, code: ValidationCode, message: string): ValidationIssue {
  return { path, code, message };
}

function faultOfCron(cron: string, timeZone = 'UTC'): string | undefined {
  const fields = cron.trim().split(/\s+/).length;
  if (fields !== 5 && fields !== 6) {
    return `must have 5 fields, or 6 with seconds first, as "0 0 * * *" has, but it has ${fields}`;
  }
  if (/(^|[\s,])H/i.test(cron)) {
    return 'must not hold H, which would be another time at each run: write a number';
  }
  try {
    return nextOfCron(cron, timeZone, Date.now()) === undefined ? 'names a time that never comes' : undefined;
  } catch (error) {
    return `is not a cron expression: ${(error as Error).message}`;
  }
}
