import { z } from 'zod';

/** One of several equal parts of all partitions, so that workers can be given to masters. */
export interface PartitionShare {
  /** Which part, from 1 on. */
  readonly number: number;
  /** How many parts there are. */
  readonly of: number;
}

export const shareSchema = z
  .strictObject({ number: z.int().min(1), of: z.int().min(1) })
  .refine(({ number, of }) => number <= of, { error: 'number must not be greater than of' });
