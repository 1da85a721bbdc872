import type { Redis } from 'ioredis';
import { splitOutcomes } from '../operations/outcome.js';
import type { Keys } from '../redis/keys.js';

/** How a job ended: with the outcomes of its updates, or not at all. */
export type JobEnd = { readonly outcomes: readonly string[] } | { readonly failedReason: string };

/** What is known of a job now. */
export type JobState = JobEnd | 'unfinished' | 'unknown';

/**
 * Reads how jobs ended, many in one round trip. A job that BullMQ has removed is answered from its receipt
 * while that lives.
 */
export async function readJobStates(
  redis: Redis,
  keys: Keys,
  jobs: readonly { queue: string; jobId: string }[],
): Promise<JobState[]> {
  const pipeline = redis.pipeline();
  for (const { queue, jobId } of jobs) {
    pipeline.hmget(keys.job(queue, jobId), 'returnvalue', 'finishedOn', 'failedReason', 'timestamp');
    pipeline.get(keys.jobReceipt(jobId));
  }
  const replies = (await pipeline.exec()) ?? [];
  return jobs.map((_, index) => {
    const [fieldsError, fields] = replies[index * 2] ?? [];
    const [receiptError, receipt] = replies[index * 2 + 1] ?? [];
    if (fieldsError || receiptError) {
      throw fieldsError ?? receiptError ?? new Error('no reply');
    }
    return stateOf(fields as (string | null)[], receipt as string | null);
  });
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
