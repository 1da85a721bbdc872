import type { Queue } from 'bullmq';
import { bullmq } from '../bullmq/bullmq.js';
import type { QueuePlace } from '../bullmq/queue-keys.js';
import type { RedisClient } from '../redis/connection.js';
import type { Logger } from 'pino';
import { decodeRecord } from './form.js';
import type { JobData } from './job-data.js';
import { JOB_OPTIONS } from './job-options.js';

/** What a job returns: its record, see `src/jobs/form.ts`. */
export type JobResult = string;

/** What Tally keeps in a job's progress. */
interface Progress {
  /** The mark of a settled job, its record, see `lua/settle.lua`. */
  readonly outcomes?: JobResult;
  /** When the first attempt was made at a job that somebody else added, in Redis' time. */
  readonly sentAtMs?: number;
}

/** The record that a settled job carries; undefined for one that is not settled. */
export function settledRecord(progress: unknown): JobResult | undefined {
  const { outcomes } = progressOf(progress);
  return decodeRecord(outcomes) === undefined ? undefined : outcomes;
}

export function notedStamp(progress: unknown): number | undefined {
  const { sentAtMs } = progressOf(progress);
  return typeof sentAtMs === 'number' ? sentAtMs : undefined;
}

function progressOf(progress: unknown): Progress {
  return typeof progress === 'object' && progress !== null ? progress : {};
}

export type TallyQueue = Queue<JobData, JobResult>;

/** Where BullMQ keeps it. */
export function placeOf({ name: queue, opts: { prefix = '' } }: TallyQueue): QueuePlace {
  return { prefix, queue };
}

/** Opens a BullMQ queue that fails at once, rather than waits, when Redis is unreachable. */
export function openQueue(name: string, prefix: string, connection: RedisClient, logger: Logger): TallyQueue {
  const queue = new (bullmq().Queue)<JobData, JobResult>(name, {
    connection,
    prefix,
    defaultJobOptions: JOB_OPTIONS,
    skipWaitingForReady: true,
    skipVersionCheck: true,
  });
  queue.on('error', (error) => {
    logger.debug({ err: error, queue: name }, 'queue error');
  });
  return queue;
}
