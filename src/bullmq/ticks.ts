import type { Job } from 'bullmq';
import type { RedisClient } from '../redis/connection.js';
import { bullmq } from './bullmq.js';
import { jobSetKey, schedulerKey } from './queue-keys.js';
import type { QueuePlace } from './queue-keys.js';

/** Cron knows nothing shorter. */
const LEAST_OF_CRON_MS = 1_000;

/** When a scheduler of BullMQ's makes its jobs. */
export interface Recurrence {
  readonly cron?: string | undefined;
  readonly timeZone?: string | undefined;
  readonly everyMs?: number | undefined;
}

/** A job that a scheduler made. */
export interface Tick {
  readonly scheduler: string;
  /** For when it was made. */
  readonly atMs: number;
}

/** @returns undefined for a job that no scheduler made */
export function tickOf({ id = '', repeatJobKey }: Pick<Job, 'id' | 'repeatJobKey'>): Tick | undefined {
  const [, scheduler, atMs] = /^repeat:(.*):(\d+)$/s.exec(id) ?? [];
  return scheduler === undefined || scheduler !== repeatJobKey ? undefined : { scheduler, atMs: Number(atMs) };
}

/** As BullMQ's functions take it. */
export function repeatOptionsOf({ cron, timeZone, everyMs }: Recurrence) {
  return cron === undefined
    ? { every: everyMs ?? 0 }
    : { pattern: cron, ...(timeZone !== undefined && { tz: timeZone }) };
}

/**
 * The first time after this one that a cron expression names, in ms.
 *
 * @returns undefined when it names none
 * @throws Error when it is no cron expression
 */
export function nextOfCron(cron: string, timeZone: string, afterMs: number): number | undefined {
  return bullmq().getNextMillis(afterMs, { pattern: cron, tz: timeZone });
}

/** Whether it makes more jobs than so many in some time, from its next one on. */
export function exceeds(
  { cron, timeZone = 'UTC', everyMs = Infinity }: Recurrence,
  { jobs, withinMs }: { readonly jobs: number; readonly withinMs: number },
): boolean {
  if (cron === undefined) {
    return everyMs * jobs < withinMs;
  }
  if (jobs * LEAST_OF_CRON_MS >= withinMs) {
    return false;
  }
  const first = nextOfCron(cron, timeZone, Date.now());
  let last = first;
  for (let job = 0; job < jobs && last !== undefined; job += 1) {
    last = nextOfCron(cron, timeZone, last);
  }
  return first !== undefined && last !== undefined && last - first < withinMs;
}

/** Whether a scheduler makes its jobs at these times: others can edit it. False when there is none. */
export async function hasRecurrence(
  redis: RedisClient,
  place: QueuePlace,
  scheduler: string,
  { cron, timeZone, everyMs }: Recurrence,
): Promise<boolean> {
  const [pattern, tz, every] = await redis.hmget(schedulerKey(place, scheduler), 'pattern', 'tz', 'every');
  const expected = cron === undefined ? [null, null, String(everyMs)] : [cron, timeZone ?? null, null];
  return [pattern, tz, every].every((value, index) => value === expected[index]);
}

/** When a scheduler makes its next job; undefined when there is no such scheduler. */
export async function nextTickMs(
  redis: RedisClient,
  place: QueuePlace,
  scheduler: string,
): Promise<number | undefined> {
  const score = await redis.zscore(jobSetKey(place, 'schedulers'), scheduler);
  return score === null ? undefined : Number(score);
}
