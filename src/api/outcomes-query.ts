import { z } from 'zod';
import { boundedPattern, MAX_NAMES, parseCrossing } from '../subscribers/filter.js';
import type { OutcomeFilter } from '../subscribers/filter.js';
import { STATUSES } from '../subscribers/event.js';

/** A parameter that may be given several times. */
function several<Schema extends z.ZodType<string, string>>(schema: Schema, description: string) {
  return z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(schema).min(1).max(MAX_NAMES))
    .optional()
    .meta({ description: `${description} Several: give it several times.` });
}

const CROSSES = 'must be below: or above: and a whole number, for example below:5';

const crosses = z
  .string()
  .refine((text) => parseCrossing(text) !== undefined, CROSSES)
  .optional()
  .meta({
    description: '`below:5` or `above:100`: those that took the value of a cell over this level, so once per crossing.',
  });

const TIME = z.union([z.literal('beginning'), z.iso.datetime({ offset: true })], {
  error: 'must be "beginning" or a time as in RFC 3339, e.g. 2026-01-31T12:00:00Z',
});

export const outcomesQuery = z.strictObject({
  operation: several(z.string().min(1), 'Those of this operation.'),
  status: several(z.enum(STATUSES), 'Those with this status.'),
  key: several(boundedPattern, 'Those of keys that fit this pattern, in which `*` stands for any text.'),
  crosses,
  from: TIME.optional().meta({
    description: 'From when on, or `beginning` for all that is kept. Without it, and without a cursor: from now on.',
  }),
  lastEventId: z
    .string()
    .max(8_000)
    .optional()
    .meta({ description: 'The cursor to go on from; the header `Last-Event-ID` goes before it.' }),
  token: z.string().max(100).optional().meta({ description: 'In place of an API key, for browsers; for one request.' }),
});

export type OutcomesQuery = z.output<typeof outcomesQuery>;

/** Which events a query asks for. */
export function filterOf({ operation, status, key, crosses: text }: OutcomesQuery): OutcomeFilter {
  return {
    ...(operation && { operations: operation }),
    ...(status && { statuses: status }),
    ...(key && { keys: key }),
    ...(text !== undefined && { crosses: parseCrossing(text) }),
  };
}
