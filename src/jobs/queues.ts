import { Queue } from 'bullmq';
import type { RedisClient } from '../redis/connection.js';
import type { Logger } from 'pino';
import type { JobData } from './job-data.js';
import { JOB_OPTIONS } from './job-options.js';

/** What a job returns: the outcomes of its updates in the script's form, see `lua/frame.lua`. */
export type JobResult = string;

/** The mark of a settled job, kept in its progress, see `lua/settle.lua`. */
interface SettledMark {
  readonly outcomes: JobResult;
}

/** The outcomes that a settled job carries; undefined for one that is not settled. */
export function settledOutcomes(progress: unknown): JobResult | undefined {
  const mark = progress as Partial<SettledMark> | undefined;
  return typeof mark === 'object' && typeof mark.outcomes === 'string' ? mark.outcomes : undefined;
}

export type TallyQueue = Queue<JobData, JobResult>;

/** Opens a BullMQ queue that fails at once, rather than waits, when Redis is away. */
export function openQueue(name: string, prefix: string, connection: RedisClient, logger: Logger): TallyQueue {
  const queue = new Queue<JobData, JobResult>(name, {
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
