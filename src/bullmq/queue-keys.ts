import { bullmq } from './bullmq.js';

/** A queue of BullMQ's, or one partition of it. */
export interface QueuePlace {
  /** First part of BullMQ's keys. */
  readonly prefix: string;
  readonly queue: string;
}

/** Where the ids of jobs stand, by their state. */
const SETS = {
  /** A list: new ones are put in at the left, the next one is taken from the right. */
  waiting: 'wait',
  /** A list, like `waiting`. */
  active: 'active',
  /** Sorted sets. */
  prioritized: 'prioritized',
  delayed: 'delayed',
  completed: 'completed',
  failed: 'failed',
  /** A sorted set of the schedulers, by the time of the next job of each. */
  schedulers: 'repeat',
} as const;

export type JobSet = keyof typeof SETS;

/** How a job ended. */
export type EndState = 'completed' | 'failed';

/** Where the ids of the jobs in a state stand. */
export function jobSetKey(place: QueuePlace, set: JobSet): string {
  return keyIn(place, SETS[set]);
}

/** The hash of a job. */
export function jobKey(place: QueuePlace, jobId: string): string {
  return keyIn(place, jobId);
}

/** The hash of a scheduler. */
export function schedulerKey(place: QueuePlace, scheduler: string): string {
  return keyIn(place, `repeat:${scheduler}`);
}

/** There as long as a worker has the job. */
export function jobLockKey(place: QueuePlace, jobId: string): string {
  return `${jobKey(place, jobId)}:lock`;
}

/** The hash that tells about the queue as a whole. */
export function queueSettingsKey(place: QueuePlace): string {
  return keyIn(place, 'meta');
}

function keyIn({ prefix, queue }: QueuePlace, name: string): string {
  return new (bullmq().QueueKeys)(prefix).toKey(queue, name);
}
