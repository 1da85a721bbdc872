import type { RedisClient } from '../redis/connection.js';
import { jobSetKey } from './queue-keys.js';
import type { QueuePlace } from './queue-keys.js';

/** The score of a delayed job is the time at which it is due, in ms, times this, plus a counter. */
const SCORES_PER_MS = 0x1000;

const READ_AT_ONCE = 1_000;

/** The delayed jobs that come next. */
export function nextDelayed(redis: RedisClient, place: QueuePlace, limit: number): Promise<string[]> {
  return redis.zrange(jobSetKey(place, 'delayed'), '0', String(limit - 1));
}

/** The delayed jobs that are due at this time, by the clock of whoever delayed them. */
export function dueUntil(redis: RedisClient, place: QueuePlace, untilMs: number): Promise<string[]> {
  return redis.zrangebyscore(jobSetKey(place, 'delayed'), 0, `(${(untilMs + 1) * SCORES_PER_MS}`);
}

/** Delayed jobs that are due at this time or later, the next first. */
export function delayedUntil(redis: RedisClient, place: QueuePlace, fromMs: number, limit: number): Promise<string[]> {
  return redis.zrangebyscore(jobSetKey(place, 'delayed'), fromMs * SCORES_PER_MS, '+inf', 'LIMIT', 0, limit);
}

/** All jobs that failed, the oldest first. */
export function failedJobs(redis: RedisClient, place: QueuePlace): Promise<string[]> {
  return allOfSortedSet(redis, jobSetKey(place, 'failed'));
}

/** All jobs that wait, whether for a worker or for their time. */
export async function waitingJobs(redis: RedisClient, place: QueuePlace): Promise<string[]> {
  const ids = await Promise.all([
    allPages((start, end) => redis.lrange(jobSetKey(place, 'waiting'), start, end)),
    allOfSortedSet(redis, jobSetKey(place, 'prioritized')),
    allOfSortedSet(redis, jobSetKey(place, 'delayed')),
  ]);
  return ids.flat();
}

function allOfSortedSet(redis: RedisClient, key: string): Promise<string[]> {
  return allPages((start, end) => redis.zrange(key, String(start), String(end), 'REV'));
}

/** Read from the end at which jobs are added, so that those that are taken meanwhile hide none. @returns the oldest first */
async function allPages(read: (start: number, end: number) => Promise<string[]>): Promise<string[]> {
  const ids = new Set<string>();
  for (let start = 0; ; start += READ_AT_ONCE) {
    const page = await read(start, start + READ_AT_ONCE - 1);
    for (const id of page) {
      ids.add(id);
    }
    if (page.length < READ_AT_ONCE) {
      return [...ids].reverse();
    }
  }
}
