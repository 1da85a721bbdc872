import {
  countCompletedSince,
  countJobs,
  readQueueLimits,
  readFirstFailure,
  readLongestWaiting,
  sampleWaiting,
} from '../bullmq/queue-state.js';
import type { QueueLimits, WaitingJob } from '../bullmq/queue-state.js';
import type { QueuePlace } from '../bullmq/queue-keys.js';
import { parseStored } from '../bullmq/stored-job.js';
import { keptForMs, readKept } from '../jobs/kept-outcomes.js';
import { updatesIn } from '../jobs/job-data.js';
import type { RedisClient } from '../redis/connection.js';

const JOB_STATES = ['waiting', 'active', 'delayed', 'completed', 'failed'] as const;

type JobState = (typeof JOB_STATES)[number];

/** The pace at which a queue drains is that of so long a time. */
const PACE_MS = 60_000;

/** What is read of a queue, or of one partition of it. */
export interface QueueReading extends QueueLimits {
  readonly jobs: Readonly<Record<JobState, number>>;
  /** How many updates wait: exact for up to five jobs, else by a sample of them. */
  readonly updatesWaiting: number;
  /** Updates that were completed within the last minute, for each second of it. */
  readonly updatesPerSecond: number;
  /** 0 when no job waits. */
  readonly oldestWaitingAgeMs: number;
  /** Since the first of the failed jobs failed that are kept; 0 when there is none. */
  readonly oldestFailedAgeMs: number;
  /** How much of its window is over for that one of the oldest waiting jobs of which most is; 0 when none has a window. */
  readonly windowRatio: number;
  /** How far back outcomes of completed updates can be asked for; undefined when no worker has said how long they are kept. */
  readonly keptForMs: number | undefined;
}

/** Reads a partition of a queue with at most 29 commands, none of which takes longer the more jobs there are. */
export async function readQueue(
  redis: RedisClient,
  prefix: string,
  queue: string,
  nowMs: number,
): Promise<QueueReading> {
  const place = { prefix, queue };
  const [{ waiting, prioritized, ...jobs }, brakes, oldest, kept] = await Promise.all([
    countJobs(redis, place, ['waiting', 'prioritized', 'active', 'delayed', 'completed', 'failed']),
    readQueueLimits(redis, place),
    readLongestWaiting(redis, place),
    readKept(redis, place, 'completed'),
  ]);
  const [updates, completed, failedAtMs] = await Promise.all([
    countUpdates(redis, place, waiting),
    jobs.completed === 0 ? 0 : countCompletedSince(redis, place, nowMs - PACE_MS),
    jobs.failed === 0 ? undefined : readFirstFailure(redis, place),
  ]);
  return {
    ...brakes,
    jobs: { waiting: waiting + prioritized, ...jobs },
    updatesWaiting: updates + prioritized, // one with a priority has a job of its own
    updatesPerSecond: (completed * (kept.jobs === 0 ? 1 : kept.updates / kept.jobs)) / (PACE_MS / 1000),
    oldestWaitingAgeMs: Math.max(0, ...oldest.map(({ sinceMs }) => nowMs - sinceMs)),
    oldestFailedAgeMs: failedAtMs === undefined ? 0 : Math.max(0, nowMs - failedAtMs),
    windowRatio: Math.max(0, ...oldest.map((job) => windowRatioOf(job, nowMs))),
    keptForMs: keptForMs(kept, nowMs),
  };
}

async function countUpdates(redis: RedisClient, place: QueuePlace, waiting: number): Promise<number> {
  const sample = (await sampleWaiting(redis, place, waiting)).map((data) => updatesIn(parseStored(data)));
  const sum = sample.reduce((total, updates) => total + updates, 0);
  return sample.length === 0 ? 0 : Math.round((sum / sample.length) * waiting);
}

/** What is certain of a queue as a whole, whatever stands in partitions that could not be read. */
export interface QueueSummary {
  /** Undefined unless all partitions were read: a sum of some would look like that of all. */
  readonly jobs: QueueReading['jobs'] | undefined;
  /** The same. */
  readonly updatesWaiting: number | undefined;
  /** The same. */
  readonly updatesPerSecond: number | undefined;
  /** Undefined when it depends on a partition that was not read: one that is paused is enough. */
  readonly isPaused: boolean | undefined;
  /** The tightest of those partitions that were read and have one. */
  readonly rateLimit: QueueLimits['rateLimit'];
  readonly concurrency: QueueLimits['concurrency'];
  /** Of those that were read; undefined when no job waits there and one was not read. */
  readonly oldestWaitingAgeMs: number | undefined;
  readonly oldestFailedAgeMs: number | undefined;
  /** The same of the largest part of a window. */
  readonly windowRatio: number | undefined;
  /** Of the partition that keeps outcomes for the shortest time, of those that were read. */
  readonly keptForMs: number | undefined;
}

/** @param readings of each partition; undefined of those that could not be read */
export function summarize(readings: readonly (QueueReading | undefined)[]): QueueSummary {
  const known = readings.flatMap((reading) => reading ?? []);
  const isWhole = known.length === readings.length;
  const sum = (of: (reading: QueueReading) => number) => known.reduce((total, reading) => total + of(reading), 0);
  const sumOfAll = (of: (reading: QueueReading) => number) => (isWhole ? sum(of) : undefined);
  const isPaused = known.some((reading) => reading.isPaused);
  const kept = known.flatMap((reading) => reading.keptForMs ?? []);
  const largest = (of: 'oldestWaitingAgeMs' | 'oldestFailedAgeMs' | 'windowRatio') => {
    const value = Math.max(0, ...known.map((reading) => reading[of]));
    return value > 0 || isWhole ? value : undefined;
  };
  return {
    jobs: isWhole
      ? (Object.fromEntries(JOB_STATES.map((state) => [state, sum(({ jobs }) => jobs[state])])) as QueueReading['jobs'])
      : undefined,
    updatesWaiting: sumOfAll(({ updatesWaiting }) => updatesWaiting),
    updatesPerSecond: sumOfAll(({ updatesPerSecond }) => updatesPerSecond),
    isPaused: isPaused || isWhole ? isPaused : undefined,
    rateLimit: slowest(known.flatMap(({ rateLimit }) => rateLimit ?? [])),
    concurrency: known.flatMap(({ concurrency }) => concurrency ?? []).sort((one, other) => one - other)[0],
    oldestWaitingAgeMs: largest('oldestWaitingAgeMs'),
    oldestFailedAgeMs: largest('oldestFailedAgeMs'),
    windowRatio: largest('windowRatio'),
    keptForMs: kept.length === 0 ? undefined : Math.min(...kept),
  };
}

type RateLimit = NonNullable<QueueLimits['rateLimit']>;

function slowest(limits: readonly RateLimit[]): RateLimit | undefined {
  return [...limits].sort((one, other) => jobsPerSecond(one) - jobsPerSecond(other))[0];
}

export function jobsPerSecond({ jobs, perMs }: RateLimit): number {
  return (jobs / Math.max(1, perMs)) * 1000;
}

/**
 * How long what waits will take at the pace of the last minute, in s: 0 when nothing waits; undefined when that is not known, or
 * nothing was completed.
 */
export function drainSeconds({
  updatesWaiting,
  updatesPerSecond,
}: Pick<QueueSummary, 'updatesWaiting' | 'updatesPerSecond'>): number | undefined {
  if (updatesWaiting === undefined || updatesWaiting === 0) {
    return updatesWaiting;
  }
  return updatesPerSecond === undefined || updatesPerSecond === 0 ? undefined : updatesWaiting / updatesPerSecond;
}

/** Of a job of many updates only what stands first is looked at. Both are of Redis' clock. 0 for a job without keyed updates, which has no window. */
function windowRatioOf({ data }: WaitingJob, nowMs: number): number {
  const [, sentAtMs, windowMs] = /^\{(?:"v":\d+,)?"sentAtMs":(\d+),"windowMs":(\d+),/.exec(data) ?? [];
  return windowMs === undefined ? 0 : (nowMs - Number(sentAtMs)) / Number(windowMs);
}
