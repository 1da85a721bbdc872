import { z } from 'zod';
import { anyResult, namedCell } from '../operations/cell-schema.js';
import type { Outcome } from '../operations/outcome.js';

const shortItem = z.object({
  ...namedCell,
  quantity: z.int(),
  available: z.int(),
});

/** What became of an update, in an answer. */
export const shownShape = {
  status: z.enum(['accepted', 'applied', 'rejected', 'conflict', 'cancelled', 'failed', 'unknown']).meta({
    description:
      '`accepted`: it waits or runs, and will have one of the others. `cancelled`: it was taken back before it began. ' +
      '`failed`: nothing was written. `unknown`: it can not be told any more whether it took effect; look at the cell ' +
      'before it is submitted anew.',
  }),
  result: anyResult.optional(),
  reason: z.string().optional().meta({ description: 'A stable code, e.g. `INSUFFICIENT_STOCK`.' }),
  message: z.string().optional().meta({ description: 'The reason in words.' }),
  duplicate: z.literal(true).optional().meta({
    description: 'Its idempotency key was used before for the same update: this is the first outcome.',
  }),
  update: z.int().optional().meta({ description: 'Of a transaction: the update because of which all were refused.' }),
  found: z.int().nullable().optional().meta({
    description: 'Of an update with `expected`: what the cell holds instead, null when it is missing.',
  }),
  held: z.int().optional().meta({
    description: 'Of a reservation under a name that is taken: what it holds. Of a stock-take: all that is held.',
  }),
  expiresAt: z.string().optional().meta({
    description: 'Of a reservation under a name that is taken: until when it is held, in UTC.',
  }),
  short: z.array(shortItem).optional().meta({ description: 'What is short.' }),
};

export const acceptedAnswer = z.object({
  updates: z.array(z.object({ id: z.string(), ...shownShape })).meta({ description: 'In the order of the request.' }),
});

export const updateAnswer = z.object({
  id: z.string(),
  operation: z.string(),
  ...shownShape,
  attempts: z.int().min(0).meta({ description: 'Attempts of its job that have ended.' }),
  jobId: z.string().meta({ description: 'The BullMQ job that carries it.' }),
});

/** Of one whose job may not be kept any more. */
export const recordedAnswer = updateAnswer.partial({ attempts: true, jobId: true });
export const cancelledAnswer = z.object({ status: z.literal('cancelled') });

/** An outcome as it stands in an answer; one that is not there yet is `accepted`. */
export function shownOutcome(outcome: Outcome | undefined): z.input<z.ZodObject<typeof shownShape>> {
  if (outcome === undefined) {
    return { status: 'accepted' };
  }
  const { short, ...rest } = { short: undefined, ...outcome };
  return { ...rest, ...(short && { short: [...short] }) };
}
