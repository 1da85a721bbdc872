import { z } from 'zod';
import { KEEP_COMPLETED_MS } from '../jobs/job-options.js';
import { milliseconds } from '../options.js';

/** How long outcomes can be asked for: by age, and no more than these of each queue, in all its partitions. */
export interface KeepOutcomes {
  /** After an update was applied or rejected, 1 second to 90 days, in ms. Failed ones stay for 14 days. @defaultValue a day */
  ms?: number | undefined;
  /** Updates, 1 to 10^12; as many of those that failed. The oldest go first. @defaultValue 20,000,000 */
  updates?: number | undefined;
  /**
   * Bytes of Redis' memory, 1,000 to 10^15; as many for those that failed. @defaultValue 1 GiB, or a sixteenth of the
   * smallest `maxmemory` where that is less
   */
  bytes?: number | undefined;
}

const DEFAULT_UPDATES = 20_000_000;
const DEFAULT_BYTES = 2 ** 30;
const PART_OF_MAXMEMORY = 16;

export const keepOutcomesSchema = z.strictObject({
  ms: milliseconds(1_000, 90 * 86_400_000).default(KEEP_COMPLETED_MS),
  updates: z.int().min(1).max(1e12).default(DEFAULT_UPDATES),
  bytes: z.int().min(1_000).max(1e15).optional(),
});

/** @param maxmemoryBytes of all masters; 0 of one without a limit */
export function defaultBytes(maxmemoryBytes: readonly number[]): number {
  const limits = maxmemoryBytes.filter((bytes) => bytes > 0);
  return Math.min(DEFAULT_BYTES, ...limits.map((bytes) => Math.floor(bytes / PART_OF_MAXMEMORY)));
}

/**
 * How much each of the parts of something may hold, so that together they hold no more than `max`: as much as it does, but
 * no more than this level. What small ones leave free is for the others. Infinite when nothing has to go.
 */
export function levelOf(parts: readonly number[], max: number): number {
  const ascending = [...parts].sort((a, b) => a - b);
  let left = max;
  for (const [index, part] of ascending.entries()) {
    const share = left / (ascending.length - index);
    if (part > share) {
      return share;
    }
    left -= part;
  }
  return Infinity;
}
