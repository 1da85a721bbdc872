import type { RedisClient } from '../redis/connection.js';
import { splitOutcomes } from '../operations/outcome.js';
import type { Keys } from '../redis/keys.js';
import type { Partition } from './partitions.js';

/** How a job ended: with the outcomes of its updates, or not at all. */
export type JobEnd = { readonly outcomes: readonly string[] } | { readonly failedReason: string };

/** What is known of a job now. */
export type JobState = JobEnd | 'unfinished' | 'unknown';

/**
 * Reads how jobs of one partition ended, many in one round trip. A job that BullMQ has removed is answered from its
 * receipt while that lives; where receipts lie in slots, a job has one in each and there is no such answer.
 */
export async function readJobStates(
  redis: RedisClient,
  keys: Keys,
  jobs: readonly { queue: string; partition: Partition; jobId: string }[],
): Promise<JobState[]> {
  // Not as a pipeline: of a slot that is half moved, ioredis would read all of it where only a part of it is.
  return Promise.all(
    jobs.map(async ({ queue, partition: { prefix, isSplit }, jobId }) => {
      const [fields, receipt] = await Promise.all([
        redis.hmget(keys.job(queue, jobId, prefix), 'returnvalue', 'finishedOn', 'failedReason', 'timestamp'),
        isSplit ? null : redis.get(keys.jobReceipt(jobId)),
      ]);
      return stateOf(fields, receipt);
    }),
  );
}

function stateOf(
  [returnvalue, finishedOn, failedReason, timestamp]: (string | null)[],
  receipt: string | null,
): JobState {
  if (returnvalue) {
    return { outcomes: splitOutcomes(JSON.parse(returnvalue) as string) };
  }
  if (finishedOn && failedReason) {
    return { failedReason };
  }
  if (timestamp) {
    return 'unfinished';
  }
  return receipt === null ? 'unknown' : { outcomes: splitOutcomes(receipt) };
}
