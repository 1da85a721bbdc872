import { Redis } from 'ioredis';
import { keyName } from './workload.js';
import type { Report } from '../progress.js';
import { startRole } from './roles.js';
import type { ProducerRole, WorkerRole } from './roles.js';

/** Bytes of Redis for one update. */
export interface Memory {
  readonly name: 'plain-bullmq' | 'tally';
  readonly waiting: number;
  /** Kept after completion, without its receipt. */
  readonly completed: number;
  /** Tally only. */
  readonly receipt: number;
}

const KEYS = 10_000;

/** Measures what an update costs in memory while it waits, when it is completed and kept, and for its receipt. */
export async function measureMemory(redisUrl: string, { report }: { report: Report }): Promise<Memory[]> {
  const redis = new Redis(redisUrl);
  try {
    const load = { keys: KEYS, maxBy: 1 };
    report('memory: plain-bullmq');
    const plain = await runOnce(
      redisUrl,
      redis,
      20_000,
      { role: 'plain-producer', batch: 1, ...load },
      { role: 'plain-worker', applies: 'increments' },
    );
    report('memory: tally');
    const tally = await runOnce(
      redisUrl,
      redis,
      200_000,
      { role: 'tally-producer', maxBatch: 256, keyedShare: 0, ...load },
      { role: 'tally-worker' },
    );
    return [
      { name: 'plain-bullmq', ...plain },
      { name: 'tally', ...tally },
    ];
  } finally {
    redis.disconnect();
  }
}

async function runOnce(
  redisUrl: string,
  redis: Redis,
  updates: number,
  producerRole: ProducerRole,
  workerRole: WorkerRole,
) {
  await redis.flushall();
  for (let number = 0; number < KEYS; number += 1_000) {
    await redis.mset(Array.from({ length: 1_000 }, (_, index) => [keyName(number + index), '1']).flat());
  }
  const empty = await usedBytes(redis);
  const producer = await startRole({ ...producerRole, redisUrl });
  await producer.work({ updates });
  await producer.stop();
  const waiting = (await usedBytes(redis)) - empty;
  const worker = await startRole({ ...workerRole, redisUrl });
  await worker.work({ reach: updates });
  await worker.stop(); // settles all jobs
  const completed = (await usedBytes(redis)) - empty;
  const receipts = await receiptBytes(redis);
  return { waiting: waiting / updates, completed: (completed - receipts) / updates, receipt: receipts / updates };
}

async function usedBytes(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}

async function receiptBytes(redis: Redis): Promise<number> {
  let bytes = 0;
  for await (const keys of redis.scanStream({ match: 'tally:job:*', count: 1_000 }) as AsyncIterable<string[]>) {
    for (const key of keys) {
      bytes += (await redis.memory('USAGE', key)) ?? 0;
    }
  }
  return bytes;
}
