import { z } from 'zod';
import type { ValidationIssue } from '../errors.js';
import { ValidationError } from '../errors.js';
import type { Registry } from '../operations/registry.js';
import type { CheckedUpdate, IsReservedKey } from '../operations/update.js';
import { checkUpdates } from '../operations/update.js';

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
  idempotencyKeys: z.record(z.string().regex(/^\d+$/), z.string()).optional(),
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
export function parseJobData(
  operation: string,
  data: unknown,
  registry: Registry,
  isReservedKey: IsReservedKey,
): CheckedUpdate[] {
  const parsed = jobDataSchema.safeParse(data);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue): ValidationIssue => {
      return { path: issue.path.map(String).join('.'), code: 'INVALID_UPDATE', message: `job data: ${issue.message}` };
    });
    throw new ValidationError(issues as [ValidationIssue, ...ValidationIssue[]]);
  }
  const { updates, idempotencyKeys = {} } = parsed.data;
  const requests = updates.map((params, index) => {
    const idempotencyKey = idempotencyKeys[index];
    return { operation, params, ...(idempotencyKey !== undefined && { idempotencyKey }) };
  });
  return checkUpdates(requests, registry, isReservedKey, (index) => `updates[${index}]`);
}
