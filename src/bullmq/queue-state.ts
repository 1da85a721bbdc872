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

/** What somebody has set for all workers of a queue. */
export interface QueueLimits {
  /** Then no worker takes a job of it. */
  readonly isPaused: boolean;
  /** So many jobs are taken in this time at most; undefined when there is no such limit. */
  readonly rateLimit: { readonly jobs: number; readonly perMs: number } | undefined;
  /** So many jobs run at a time at most; undefined when there is no such limit. */
  readonly concurrency: number | undefined;
}

/** What stops or slows a queue down on purpose, in one command. */
export async function readQueueLimits(redis: RedisClient, place: QueuePlace): Promise<QueueLimits> {
  const fields = ['paused', 'max', 'duration', 'concurrency'];
  const [paused, max, duration, concurrency] = await redis.hmget(queueSettingsKey(place), ...fields);
  return {
    isPaused: typeof paused === 'string',
    rateLimit: max && duration ? { jobs: Number(max), perMs: Number(duration) } : undefined,
    concurrency: concurrency ? Number(concurrency) : undefined,
  };
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

/** So many jobs stand for all that wait, or for as many as there are. */
const SAMPLE = 5;

/**
 * The data of jobs of all parts of those that wait without a priority, by at most ten commands, however many there are.
 *
 * @param waiting how many there are, as was read a moment ago
 */
export async function sampleWaiting(redis: RedisClient, place: QueuePlace, waiting: number): Promise<string[]> {
  const looks = Math.min(waiting, SAMPLE);
  const places = Array.from({ length: looks }, (_, n) => Math.round((n * (waiting - 1)) / Math.max(1, looks - 1)));
  const ids = await Promise.all(places.map((index) => redis.lindex(jobSetKey(place, 'waiting'), index)));
  const found = ids.flatMap((id) => id ?? []); // some may have been taken meanwhile
  const jobs = await Promise.all(found.map((id) => readStoredJob(redis, jobKey(place, id), ['data'])));
  return jobs.flatMap(({ data }) => data ?? []);
}

/** How many jobs have been completed since a time of Redis' clock, as far as they are kept. */
export function countCompletedSince(redis: RedisClient, place: QueuePlace, sinceMs: number): Promise<number> {
  return redis.zcount(jobSetKey(place, 'completed'), sinceMs, '+inf');
}

/** When the job failed, in ms, that failed first of those that are kept; undefined when none did. */
export async function readFirstFailure(redis: RedisClient, place: QueuePlace): Promise<number | undefined> {
  const [, failedAtMs] = await redis.zrange(jobSetKey(place, 'failed'), '0', '0', 'WITHSCORES');
  return failedAtMs === undefined ? undefined : Number(failedAtMs);
}

/** The reasons of the jobs that failed last, as they are stored. */
export async function latestFailures(redis: RedisClient, place: QueuePlace, limit: number): Promise<string[]> {
  const ids = await redis.zrange(jobSetKey(place, 'failed'), String(-limit), '-1');
  const jobs = await Promise.all(ids.map((id) => readStoredJob(redis, jobKey(place, id), ['failedReason'])));
  return jobs.map(({ failedReason }) => failedReason ?? '');
}
