import { z } from 'zod';

export const idempotencyKeySchema = z
  .string({ error: 'must be a string' })
  .min(1, 'must not be empty')
  .refine((key) => Buffer.byteLength(key) <= 255, 'must not be longer than 255 bytes')
  .refine((key) => key.isWellFormed(), 'must be valid Unicode, without lone surrogates');

/** Whose the keys of reverts are, which are the ids of what is reverted: no caller may have this name, so that none meets one. */
export const REVERT_OWNER = 'tally:revert';

/** Whose idempotency keys they are: printable, so that it can be shown anywhere. */
export const heldOwnerSchema = z
  .string({ error: 'must be a string' })
  .max(100, 'must not be longer than 100 characters')
  .refine((owner) => !/\p{C}/u.test(owner), 'must not hold control characters');

/** The same as callers may name it. */
export const ownerSchema = heldOwnerSchema.refine(
  (owner) => owner !== REVERT_OWNER,
  `must not be "${REVERT_OWNER}", which Tally itself uses`,
);
