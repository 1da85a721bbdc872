import { endedJobs } from '../../bullmq/job-ids.js';
import { countEnded } from '../../bullmq/scripts.js';
import { placeOf } from '../../jobs/queues.js';
import type { TallyQueue } from '../../jobs/queues.js';
import type { RedisClient } from '../../redis/connection.js';
import { toMs } from '../../redis/server-time.js';

/** Sent to Redis at a time. */
const AT_ONCE = 100;

/**
 * Has all failed jobs of a queue tried again. BullMQ does so with those that failed until now, in one go; those whose time lies
 * ahead, by the clock of a worker, it would leave: they are retried one by one.
 *
 * @returns how many were
 */
export async function retryAllFailed(redis: RedisClient, queue: TallyQueue): Promise<number> {
  const place = placeOf(queue);
  const nowMs = toMs(await redis.time());
  const failed = await endedJobs(redis, place, 'failed');
  const ahead = failed.filter(({ endedAtMs }) => endedAtMs > nowMs).map(({ jobId }) => jobId);
  if (failed.length > ahead.length) {
    await queue.retryJobs({ state: 'failed', timestamp: nowMs });
  }
  const left = await countEnded(redis, place, 'failed', nowMs);
  const retried = Math.max(0, failed.length - ahead.length - left);
  const each = await retryJobs(queue, 'failed', ahead);
  return retried + each.filter((isDone) => isDone).length;
}

/** Has jobs tried again that have ended. @returns whether each is; false for one that is gone, or has not ended so any more */
export async function retryJobs(
  queue: TallyQueue,
  state: 'failed' | 'completed',
  jobIds: readonly string[],
): Promise<boolean[]> {
  const done: boolean[] = [];
  for (let start = 0; start < jobIds.length; start += AT_ONCE) {
    const page = jobIds.slice(start, start + AT_ONCE);
    done.push(...(await Promise.all(page.map((jobId) => retry(queue, state, jobId)))));
  }
  return done;
}

async function retry(queue: TallyQueue, state: 'failed' | 'completed', jobId: string): Promise<boolean> {
  const job = await queue.getJob(jobId);
  if (job === undefined) {
    return false;
  }
  try {
    await job.retry(state);
    return true;
  } catch (error) {
    if ((await queue.getJobState(jobId)) === state) {
      throw error;
    }
    return false; // somebody else has retried it
  }
}
