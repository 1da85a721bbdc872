import { delayedUntil } from '../bullmq/job-ids.js';
import type { RedisClient } from '../redis/connection.js';
import { LONGEST_BACKOFF_MS } from '../jobs/job-options.js';
import { placeOf } from '../jobs/queues.js';
import type { TallyQueue } from '../jobs/queues.js';

/** Clocks that are off by less than this do no harm worth a look. */
const MARGIN_MS = 2_000;

const MAX_PER_CALL = 1_000;

/**
 * Makes jobs wait whose retry is due later than any backoff allows.
 *
 * BullMQ dates a retry by the clock of the machine whose attempt failed. Where that clock is minutes ahead, the retry
 * would come minutes late for all workers whose clock is right.
 *
 * @param nowMs Redis' time
 * @returns the ids of the jobs
 */
export async function promoteSkewedRetries(queue: TallyQueue, redis: RedisClient, nowMs: number): Promise<string[]> {
  const latestMs = nowMs + LONGEST_BACKOFF_MS + MARGIN_MS;
  const ids = await delayedUntil(redis, placeOf(queue), latestMs, MAX_PER_CALL);
  const takenUp: string[] = [];
  for (const id of ids) {
    const job = await queue.getJob(id);
    const isRetry = job !== undefined && job.attemptsStarted > 0; // one that never ran was delayed on purpose
    if (isRetry && (await job.isDelayed())) {
      await job.promote();
      takenUp.push(id);
    }
  }
  return takenUp;
}
