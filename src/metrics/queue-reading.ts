import { QueueKeys } from 'bullmq';
import { keptForMs, readKept } from '../jobs/kept-outcomes.js';
import type { RedisClient } from '../redis/connection.js';

const JOB_STATES = ['waiting', 'active', 'delayed', 'completed', 'failed'] as const;

type JobState = (typeof JOB_STATES)[number];

/** What is read of a queue, or of one partition of it. */
export interface QueueReading {
  readonly jobs: Readonly<Record<JobState, number>>;
  readonly isPaused: boolean;
  /** 0 when no job waits. */
  readonly oldestWaitingAgeMs: number;
  /** How much of its window is over for that one of the oldest waiting jobs of which most is; 0 when none has a window. */
  readonly windowRatio: number;
  /** How far back outcomes of completed updates can be asked for; undefined when no worker has said how long they are kept. */
  readonly keptForMs: number | undefined;
}

/** So many of those that wait without a priority are looked at, the next first. */
const OLDEST = 3;

/** BullMQ's score of a prioritized job is its priority times this, plus a counter. */
const SCORES_PER_PRIORITY = 2 ** 32;

/** Reads a partition of a queue with at most 17 commands, none of which takes longer the more jobs there are. */
export async function readQueue(
  redis: RedisClient,
  prefix: string,
  queue: string,
  nowMs: number,
): Promise<QueueReading> {
  const toKey = (type: string) => new QueueKeys(prefix).toKey(queue, type);
  const [wait, prioritized, active, delayed, completed, failed, paused, oldest, kept] = await Promise.all([
    redis.llen(toKey('wait')),
    redis.zcard(toKey('prioritized')),
    redis.llen(toKey('active')),
    redis.zcard(toKey('delayed')),
    redis.zcard(toKey('completed')),
    redis.zcard(toKey('failed')),
    redis.hexists(toKey('meta'), 'paused'),
    readOldest(redis, toKey),
    readKept(redis, toKey, 'completed'),
  ]);
  return {
    jobs: { waiting: wait + prioritized, active, delayed, completed, failed },
    isPaused: paused === 1,
    oldestWaitingAgeMs: Math.max(0, ...oldest.map(({ sinceMs }) => nowMs - sinceMs)),
    windowRatio: Math.max(0, ...oldest.map((job) => windowRatioOf(job, nowMs))),
    keptForMs: keptForMs(kept, nowMs),
  };
}

/** What is certain of a queue as a whole, whatever stands in partitions that could not be read. */
export interface QueueSummary {
  /** Undefined unless all partitions were read: a sum of some would look like that of all. */
  readonly jobs: QueueReading['jobs'] | undefined;
  /** Undefined when it depends on a partition that was not read: one that is paused is enough. */
  readonly isPaused: boolean | undefined;
  /** Of those that were read; undefined when no job waits there and one was not read. */
  readonly oldestWaitingAgeMs: number | undefined;
  /** The same of the largest part of a window. */
  readonly windowRatio: number | undefined;
  /** Of the partition that keeps outcomes for the shortest time, of those that were read. */
  readonly keptForMs: number | undefined;
}

/** @param readings of each partition; undefined of those that could not be read */
export function summarize(readings: readonly (QueueReading | undefined)[]): QueueSummary {
  const known = readings.flatMap((reading) => reading ?? []);
  const isWhole = known.length === readings.length;
  const sum = (state: JobState) => known.reduce((total, { jobs }) => total + jobs[state], 0);
  const isPaused = known.some((reading) => reading.isPaused);
  const kept = known.flatMap((reading) => reading.keptForMs ?? []);
  const largest = (of: 'oldestWaitingAgeMs' | 'windowRatio') => {
    const value = Math.max(0, ...known.map((reading) => reading[of]));
    return value > 0 || isWhole ? value : undefined;
  };
  return {
    jobs: isWhole
      ? (Object.fromEntries(JOB_STATES.map((state) => [state, sum(state)])) as QueueReading['jobs'])
      : undefined,
    isPaused: isPaused || isWhole ? isPaused : undefined,
    oldestWaitingAgeMs: largest('oldestWaitingAgeMs'),
    windowRatio: largest('windowRatio'),
    keptForMs: kept.length === 0 ? undefined : Math.min(...kept),
  };
}

/** A job that waits. */
interface WaitingJob {
  /** Since when, by the clock of its producer. */
  readonly sinceMs: number;
  /** As it is stored: of a job of many updates, only what stands first is looked at. */
  readonly data: string;
}

/**
 * The jobs that have waited longest. Of those with a priority, the one that is next and the first of the lowest priority are
 * looked at: a starving one is the latter.
 */
async function readOldest(redis: RedisClient, toKey: (type: string) => string): Promise<WaitingJob[]> {
  const [next, nextPrioritized, [, lastScore]] = await Promise.all([
    redis.lrange(toKey('wait'), -OLDEST, -1),
    redis.zrange(toKey('prioritized'), '0', '0'),
    redis.zrange(toKey('prioritized'), '-1', '-1', 'WITHSCORES'),
  ]);
  const ids = [...next, ...nextPrioritized];
  if (lastScore !== undefined) {
    const lowest = Math.floor(Number(lastScore) / SCORES_PER_PRIORITY) * SCORES_PER_PRIORITY;
    ids.push(...(await redis.zrangebyscore(toKey('prioritized'), lowest, '+inf', 'LIMIT', 0, 1)));
  }
  const jobs = await Promise.all([...new Set(ids)].map((id) => redis.hmget(toKey(id), 'timestamp', 'opts', 'data')));
  return jobs.flatMap(([timestamp, opts, data]) =>
    timestamp ? [{ sinceMs: Number(timestamp) + delayMsOf(opts), data: data ?? '' }] : [],
  );
}

/** A job waits from the moment on at which it was to run. Not parsed: someone may have edited the job. */
function delayMsOf(opts: string | null | undefined): number {
  return Number(/"delay":(\d+)/.exec(opts ?? '')?.[1] ?? 0);
}

/** Both are of Redis' clock. 0 for a job without keyed updates, which has no window. */
function windowRatioOf({ data }: WaitingJob, nowMs: number): number {
  const [, sentAtMs, windowMs] = /^\{(?:"v":\d+,)?"sentAtMs":(\d+),"windowMs":(\d+),/.exec(data) ?? [];
  return windowMs === undefined ? 0 : (nowMs - Number(sentAtMs)) / Number(windowMs);
}
