import { createHash } from 'node:crypto';
import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { ProcessTask } from '../self/own-process.js';
import { connectPlainly } from './connect-plainly.js';
import { PLAIN_QUEUE } from './plain-job.js';
import type { PlainJob } from './plain-job.js';
import { PLAIN_SCRIPT } from './plain-script.js';

const SHA = createHash('sha1').update(PLAIN_SCRIPT).digest('hex');

/** The worker that Tally is compared with: plain BullMQ, one script call for each job. */
export async function startPlainWorker({
  redis,
  prefix,
  concurrency,
  lockDurationMs,
  stalledIntervalMs,
}: Extract<ProcessTask, { role: 'plain-worker' }>): Promise<{ close(): Promise<void> }> {
  const connection = connectPlainly(redis, { maxRetriesPerRequest: null });
  const worker = new Worker<PlainJob, number>(PLAIN_QUEUE, ({ data }) => apply(connection, data), {
    connection,
    prefix,
    concurrency,
    lockDuration: lockDurationMs,
    stalledInterval: stalledIntervalMs,
    maxStalledCount: Number.MAX_SAFE_INTEGER, // a crash of workers fails no job, as with Tally
    runRetryDelay: 1_000,
  });
  worker.on('error', () => undefined);
  await worker.waitUntilReady();
  return {
    close: async () => {
      await worker.close();
      connection.disconnect();
    },
  };
}

async function apply(connection: Redis, { args }: PlainJob): Promise<number> {
  try {
    return (await connection.evalsha(SHA, 0, ...args)) as number;
  } catch (error) {
    if ((error as Error).message.startsWith('NOSCRIPT')) {
      return (await connection.eval(PLAIN_SCRIPT, 0, ...args)) as number;
    }
    throw error;
  }
}
