import { z } from 'zod';
import type { ValidationIssue } from '../errors.js';
import { ValidationError } from '../errors.js';
import { checkUpdatesOf, idempotencyKeySchema } from '../operations/update.js';
import type { CheckContext, CheckedUpdate } from '../operations/update.js';

/** What a job holds: the params of 1 to N updates of the operation that is the job's name. */
export interface JobData {
  readonly updates: readonly unknown[];
  /** Idempotency keys by the index of their update. */
  readonly idempotencyKeys?: Readonly<Record<string, string>>;
}

/** No job holds more updates than this, however it came into the queue. */
const MAX_UPDATES_PER_JOB = 1_000;

const jobDataSchema = z.strictObject({
  updates: z.array(z.unknown()).min(1).max(MAX_UPDATES_PER_JOB),
  idempotencyKeys: z.record(z.string().regex(/^\d+$/), idempotencyKeySchema).optional(),
});

export function toJobData(updates: readonly Pick<CheckedUpdate, 'params' | 'idempotencyKey'>[]): JobData {
  const keys = updates.flatMap(({ idempotencyKey }, index) =>
    idempotencyKey === undefined ? [] : [[index, idempotencyKey]],
  );
  return {
    updates: updates.map(({ params }) => params),
    ...(keys.length > 0 && { idempotencyKeys: Object.fromEntries(keys) as Record<string, string> }),
  };
}

/**
 * Reads a job back: someone may have edited it, or added it by hand.
 *
 * @throws ValidationError with the path of each issue within the job's data
 */
export function parseJobData(operation: string, data: unknown, context: CheckContext): CheckedUpdate[] {
  const parsed = jobDataSchema.safeParse(data);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue): ValidationIssue => {
      return { path: issue.path.map(String).join('.'), code: 'INVALID_UPDATE', message: `job data: ${issue.message}` };
    });
    throw new ValidationError(issues as [ValidationIssue, ...ValidationIssue[]]);
  }
  const { updates, idempotencyKeys = {} } = parsed.data;
  return checkUpdatesOf(
    operation,
    updates.map((params, index) => ({ params, idempotencyKey: idempotencyKeys[index] })),
    context,
  );
}
