import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { INCREMENT_SCRIPT, keyName } from './contender.js';
import type { RunningRole } from './role-process.js';
import type { RoleTask } from './roles.js';

export const PLAIN_QUEUE = 'plain';
const BULK = 1_000;

/** `addBulk`, the fastest way into plain BullMQ. */
export async function runPlainProducer({ redisUrl, updates, keys }: RoleTask): Promise<RunningRole> {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const queue = new Queue(PLAIN_QUEUE, { connection });
  await queue.waitUntilReady();
  return {
    work: async () => {
      for (let first = 0; first < updates; first += BULK) {
        const jobs = Array.from({ length: Math.min(BULK, updates - first) }, () => ({
          name: 'increment',
          data: { key: keyName(Math.floor(Math.random() * keys)), by: 1 },
        }));
        await queue.addBulk(jobs);
      }
    },
    close: async () => {
      await queue.close();
      connection.disconnect();
    },
  };
}

/** A worker with the script in its processor, by its SHA-1: what Tally is compared with. */
export async function runPlainWorker({
  redisUrl,
  updates,
}: Pick<RoleTask, 'redisUrl' | 'updates'>): Promise<RunningRole> {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const sha = (await connection.script('LOAD', INCREMENT_SCRIPT)) as string;
  let completed = 0;
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const worker = new Worker<{ key: string; by: number }>(
    PLAIN_QUEUE,
    ({ data }) => connection.evalsha(sha, 1, data.key, data.by),
    { connection, concurrency: 100 },
  );
  worker.on('completed', () => {
    completed += 1;
    if (completed === updates) {
      finish();
    }
  });
  await worker.waitUntilReady();
  return {
    work: () => finished,
    close: async () => {
      await worker.close();
      connection.disconnect();
    },
  };
}
