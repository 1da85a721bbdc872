import type { RedisClient } from '../redis/connection.js';
import { jobKey, jobSetKey, queueSettingsKey } from './queue-keys.js';
import type { JobSet, QueuePlace } from './queue-keys.js';
import { addedDelayMs, readStoredJob } from './stored-job.js';

/** How many jobs of a queue are in each of these states. */
export async function countJobs<Sets extends JobSet>(
  redis: RedisClient,
  place: QueuePlace,
  sets: readonly Sets[],
): Promise<Record<Sets, number>> {
  const counts = await Promise.all(
    sets.map(async (set) => {
      const key = jobSetKey(place, set);
      return [set, await (set === 'waiting' || set === 'active' ? redis.llen(key) : redis.zcard(key))] as const;
    }),
  );
  return Object.fromEntries(counts) as Record<Sets, number>;
}

/** Whether somebody has paused the queue: then no worker takes a job of it. */
export async function isPaused(redis: RedisClient, place: QueuePlace): Promise<boolean> {
  return (await redis.hexists(queueSettingsKey(place), 'paused')) === 1;
}

/** A job that waits. */
export interface WaitingJob {
  /** Since when, by the clock of whoever added it: the moment at which it was to run. */
  readonly sinceMs: number;
  /** As it is stored. */
  readonly data: string;
}

/** So many of those that wait without a priority are looked at, the next first. */
const OLDEST = 3;

/** The score of a prioritized job is its priority times this, plus a counter. */
const SCORES_PER_PRIORITY = 2 ** 32;

/**
 * The jobs that have waited longest, by at most nine commands. Of those with a priority, the one that is next and the first of
 * the lowest priority are looked at: a starving one is the latter.
 */
export async function readLongestWaiting(redis: RedisClient, place: QueuePlace): Promise<WaitingJob[]> {
  const [waiting, prioritized] = [jobSetKey(place, 'waiting'), jobSetKey(place, 'prioritized')];
  const [next, nextPrioritized, [, lastScore]] = await Promise.all([
    redis.lrange(waiting, -OLDEST, -1),
    redis.zrange(prioritized, '0', '0'),
    redis.zrange(prioritized, '-1', '-1', 'WITHSCORES'),
  ]);
  const ids = [...next, ...nextPrioritized];
  if (lastScore !== undefined) {
    const lowest = Math.floor(Number(lastScore) / SCORES_PER_PRIORITY) * SCORES_PER_PRIORITY;
    ids.push(...(await redis.zrangebyscore(prioritized, lowest, '+inf', 'LIMIT', 0, 1)));
  }
  const fields = ['addedAtMs', 'options', 'data'] as const;
  const jobs = await Promise.all([...new Set(ids)].map((id) => readStoredJob(redis, jobKey(place, id), fields)));
  return jobs.flatMap(({ addedAtMs, options, data }) =>
    addedAtMs ? [{ sinceMs: Number(addedAtMs) + addedDelayMs({ options }), data: data ?? '' }] : [],
  );
}
