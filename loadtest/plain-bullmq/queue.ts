import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';

/** The queue of the plain side, where it has only one. */
export const PLAIN_QUEUE = 'plain';

/** Of jobs that have to outlast crashes of workers and Redis: as long as one of Tally is tried. */
export const PATIENT = { attempts: 20, backoff: { type: 'exponential', delay: 100 } } as const;

/** A queue as a service without Tally has it. It connects by itself, also when Redis is away at first. */
export function openPlainQueue(connection: Redis, { name = PLAIN_QUEUE, prefix, keptEvents }: PlainQueue = {}): Queue {
  const queue = new Queue(name, {
    connection,
    ...(prefix !== undefined && { prefix }),
    ...(keptEvents !== undefined && { streams: { events: { maxLen: keptEvents } } }),
    skipVersionCheck: true,
    skipWaitingForReady: true,
  });
  queue.on('error', () => undefined);
  return queue;
}

/** Where a queue lies. @defaultValue BullMQ's own prefix, and {@link PLAIN_QUEUE} */
export interface QueuePlace {
  readonly name?: string;
  readonly prefix?: string;
}

interface PlainQueue extends QueuePlace {
  /** How far whoever listens for the ends of jobs may fall behind and miss none. @defaultValue BullMQ's 10,000, four of a job */
  readonly keptEvents?: number;
}
