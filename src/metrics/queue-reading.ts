import { countJobs, isPaused, readLongestWaiting } from '../bullmq/queue-state.js';
import type { WaitingJob } from '../bullmq/queue-state.js';
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

/** Reads a partition of a queue with at most 17 commands, none of which takes longer the more jobs there are. */
export async function readQueue(
  redis: RedisClient,
  prefix: string,
  queue: string,
  nowMs: number,
): Promise<QueueReading> {
  const place = { prefix, queue };
  const [{ waiting, prioritized, ...jobs }, paused, oldest, kept] = await Promise.all([
    countJobs(redis, place, ['waiting', 'prioritized', 'active', 'delayed', 'completed', 'failed']),
    isPaused(redis, place),
    readLongestWaiting(redis, place),
    readKept(redis, place, 'completed'),
  ]);
  return {
    jobs: { waiting: waiting + prioritized, ...jobs },
    isPaused: paused,
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

/** Of a job of many updates only what stands first is looked at. Both are of Redis' clock. 0 for a job without keyed updates, which has no window. */
function windowRatioOf({ data }: WaitingJob, nowMs: number): number {
  const [, sentAtMs, windowMs] = /^\{(?:"v":\d+,)?"sentAtMs":(\d+),"windowMs":(\d+),/.exec(data) ?? [];
  return windowMs === undefined ? 0 : (nowMs - Number(sentAtMs)) / Number(windowMs);
}
