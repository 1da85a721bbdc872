import { z } from 'zod';
import { matchesPattern } from '../../lib/pattern.js';
import { possibleGroups } from './group-id.js';
import type { Grouped } from './group-id.js';

/** No key is longer, in bytes; in a pattern it is as good a bound in characters. */
const LONGEST_KEY = 512;

/** The id of a group holds a key, and names of state, status, reason and operation. */
const LONGEST_GROUP = LONGEST_KEY + 300;

/** Which failed updates are meant. What is left out is any. */
export const failureFilterShape = {
  reason: z
    .string()
    .regex(/^[A-Z][A-Z_]{0,63}$/, 'must be the code of a reason, for example WRONG_TYPE')
    .optional()
    .meta({ description: 'The code of the reason, e.g. `WRONG_TYPE`.' }),
  operation: z
    .string()
    .regex(/^[A-Za-z0-9.*]{1,100}$/, 'must be the name of an operation, in which * stands for any text')
    .optional()
    .meta({ description: 'The operation; `*` stands for any text.' }),
  key: z
    .string()
    .min(1, 'must not be empty')
    .max(LONGEST_KEY, `must not be longer than ${LONGEST_KEY} characters`)
    .refine((text) => text.isWellFormed(), 'must be valid Unicode, without lone surrogates')
    .optional()
    .meta({ description: 'A key that the update changes; `*` stands for any text.' }),
  group: z
    .string()
    .min(1, 'must not be empty')
    .max(LONGEST_GROUP, 'must be the id of a group')
    .refine((text) => text.isWellFormed(), 'must be valid Unicode, without lone surrogates')
    .optional()
    .meta({ description: 'The `id` of a group: its updates, and no others that its pattern fits too.' }),
};

export type FailureFilter = z.output<z.ZodObject<typeof failureFilterShape>> & {
  /** The dashboard's, whose board leads to the failures of a queue. */
  readonly queue?: string | undefined;
};

/** Whether a filter means this. Of a job of several updates one that fits is enough: they failed, and are retried, together. */
export function matchesFilter(
  { reason, operation, key, group, queue }: FailureFilter,
  failed: Grouped & { readonly queue: string },
): boolean {
  return (
    (queue === undefined || failed.queue === queue) &&
    (reason === undefined || failed.reason === reason) &&
    (operation === undefined || matchesPattern(operation, failed.operation)) &&
    (key === undefined || failed.keys.some((its) => matchesPattern(key, its))) &&
    (group === undefined || possibleGroups(failed).some(({ id }) => id === group))
  );
}
