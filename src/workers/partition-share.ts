import { z } from 'zod';
import type { Partition, Partitions } from '../jobs/partitions.js';

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

/** Partitions that follow each other, and so are on few masters. Queues that are not split belong to every share. */
export function shareOf(
  { all, count }: Partitions,
  share: PartitionShare = { number: 1, of: 1 },
): readonly Partition[] {
  if (count === undefined) {
    return all;
  }
  return all.filter((_, index) => Math.floor((index * share.of) / count) === share.number - 1);
}
