import Queue from 'bee-queue';
import { Redis } from 'ioredis';
import { Completed } from './completed.js';
import type { Reach } from './completed.js';
import { drawIncrements } from './draw.js';
import type { Increment } from './draw.js';
import { INCREMENT } from '../plain-bullmq/scripts.js';
import type { Limit } from './workload.js';
import type { RoleTask, RunningRole } from './roles.js';

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

export async function runBeeProducer({
  redisUrl,
  ...load
}: Extract<RoleTask, { role: 'bee-producer' }>): Promise<RunningRole<Limit>> {
  const queue = openQueue(redisUrl, false);
  await queue.ready();
  return {
    work: async (limit) => {
      const draw = drawIncrements(load, limit);
      while (!draw.isOver) {
        await queue.saveAll(draw.many(BULK).map((increment) => queue.createJob(increment)));
      }
      return draw.submitted;
    },
    close: () => queue.close(),
  };
}

export async function runBeeWorker({ redisUrl }: RoleTask): Promise<RunningRole<Reach>> {
  const queue = openQueue(redisUrl, true);
  const connection = new Redis(redisUrl);
  const sha = (await connection.script('LOAD', INCREMENT.lua)) as string;
  await queue.ready();
  const completed = new Completed();
  queue.on('succeeded', () => {
    completed.add(1);
  });
  queue.process(100, async ({ data }: Queue.Job<Increment>) => connection.evalsha(sha, 1, data.key, data.by));
  return {
    work: ({ reach }) => completed.reach(reach),
    close: async () => {
      await queue.close();
      connection.disconnect();
    },
  };
}
