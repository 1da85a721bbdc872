import { Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { PLAIN_QUEUE } from './queue.js';
import type { QueuePlace } from './queue.js';
import { runScript } from './scripts.js';
import type { PlainScript, ScriptArgs } from './scripts.js';

export interface PlainWorkerOptions<Data> extends QueuePlace {
  readonly connection: Redis;
  /** Jobs at a time. */
  readonly concurrency: number;
  /** Left out: BullMQ's 30 seconds. */
  readonly lockDurationMs?: number;
  /** Left out: BullMQ's 30 seconds. */
  readonly stalledIntervalMs?: number;
  readonly script: PlainScript;
  /** What the script is called with for a job; may throw, as any processor of BullMQ. */
  readonly argsOf: (job: Job<Data>) => ScriptArgs;
}

/** The worker that Tally is compared with: plain BullMQ, one call of a script for each job. Resolves when it is ready. */
export async function startPlainWorker<Data>({
  connection,
  name = PLAIN_QUEUE,
  prefix,
  concurrency,
  lockDurationMs,
  stalledIntervalMs,
  script,
  argsOf,
}: PlainWorkerOptions<Data>): Promise<Worker<Data>> {
  const worker = new Worker<Data>(name, async (job) => runScript(connection, script, argsOf(job)), {
    connection,
    ...(prefix !== undefined && { prefix }),
    concurrency,
    ...(lockDurationMs !== undefined && { lockDuration: lockDurationMs }),
    ...(stalledIntervalMs !== undefined && { stalledInterval: stalledIntervalMs }),
    maxStalledCount: Number.MAX_SAFE_INTEGER, // a crash of workers fails no job, as with Tally
    runRetryDelay: 1_000,
  });
  worker.on('error', () => undefined);
  await worker.waitUntilReady();
  return worker;
}
