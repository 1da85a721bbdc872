import type { RedisClient } from '../redis/connection.js';
import { jobSetKey } from './queue-keys.js';
import type { EndState, QueuePlace } from './queue-keys.js';

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

/** A job that ended, and when, in ms: see `lua/settle.lua` for by which clock. */
interface Ended {
  readonly jobId: string;
  readonly endedAtMs: number;
}

/** All jobs that ended in one way, the latest first. */
export async function endedJobs(redis: RedisClient, place: QueuePlace, state: EndState): Promise<Ended[]> {
  const ended = new Map<string, number>();
  for (let start = 0; ; start += READ_AT_ONCE) {
    const end = start + READ_AT_ONCE - 1;
    const page = await redis.zrange(jobSetKey(place, state), String(start), String(end), 'REV', 'WITHSCORES');
    for (let index = 0; index < page.length; index += 2) {
      ended.set(page[index] ?? '', Number(page[index + 1]));
    }
    if (page.length < 2 * READ_AT_ONCE) {
      return [...ended].map(([jobId, endedAtMs]) => ({ jobId, endedAtMs }));
    }
  }
}

/** All jobs that wait, whether for a worker or for their time. */
export async function waitingJobs(redis: RedisClient, place: QueuePlace): Promise<string[]> {
  const sets = ['waiting', 'prioritized', 'delayed'] as const;
  return (await Promise.all(sets.map((set) => jobsThatWait(redis, place, set)))).flat();
}

/** All jobs that wait in one way, the next or oldest first. */
export function jobsThatWait(
  redis: RedisClient,
  place: QueuePlace,
  set: 'waiting' | 'prioritized' | 'delayed',
): Promise<string[]> {
  const key = jobSetKey(place, set);
  return set === 'waiting' ? allPages((start, end) => redis.lrange(key, start, end)) : allOfSortedSet(redis, key);
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
