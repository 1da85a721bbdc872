import Queue from 'bee-queue';
import { Redis } from 'ioredis';
import { INCREMENT_SCRIPT, keyName } from './contender.js';
import type { RunningRole } from './role-process.js';
import type { RoleTask } from './roles.js';

const BULK = 1_000;

function openQueue(redisUrl: string, isWorker: boolean): Queue {
  const { hostname, port } = new URL(redisUrl);
  const redis = { host: hostname, port: Number(port) };
  return new Queue('bee', {
    redis,
    isWorker,
    getEvents: false,
    sendEvents: false,
    storeJobs: false,
    removeOnSuccess: true,
  });
}

export async function runBeeProducer({ redisUrl, updates, keys }: RoleTask): Promise<RunningRole> {
  const queue = openQueue(redisUrl, false);
  await queue.ready();
  return {
    work: async () => {
      for (let first = 0; first < updates; first += BULK) {
        const jobs = Array.from({ length: Math.min(BULK, updates - first) }, () =>
          queue.createJob({ key: keyName(Math.floor(Math.random() * keys)), by: 1 }),
        );
        await queue.saveAll(jobs);
      }
    },
    close: () => queue.close(),
  };
}

export async function runBeeWorker({ redisUrl, updates }: RoleTask): Promise<RunningRole> {
  const queue = openQueue(redisUrl, true);
  const connection = new Redis(redisUrl);
  const sha = (await connection.script('LOAD', INCREMENT_SCRIPT)) as string;
  await queue.ready();
  let completed = 0;
  const finished = new Promise<void>((resolve) => {
    queue.on('succeeded', () => {
      completed += 1;
      if (completed === updates) {
        resolve();
      }
    });
  });
  queue.process(100, async ({ data }: Queue.Job<{ key: string; by: number }>) =>
    connection.evalsha(sha, 1, data.key, data.by),
  );
  return {
    work: () => finished,
    close: async () => {
      await queue.close();
      connection.disconnect();
    },
  };
}
