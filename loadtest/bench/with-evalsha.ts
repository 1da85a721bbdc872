import { Redis } from 'ioredis';
import { drawIncrements } from './draw.js';
import { INCREMENT } from '../plain-bullmq/scripts.js';
import type { Limit } from './workload.js';
import type { RoleTask, RunningRole } from './roles.js';

const PIPELINE = 256;
const IN_FLIGHT = 4;

/** No queue at all: EVALSHA in pipelines, straight from Node. 4 pipelines of 256 measured fastest. */
export async function runEvalshaCaller({
  redisUrl,
  ...load
}: Extract<RoleTask, { role: 'evalsha-caller' }>): Promise<RunningRole<Limit>> {
  const redis = new Redis(redisUrl);
  const sha = (await redis.script('LOAD', INCREMENT.lua)) as string;
  return {
    work: async (limit) => {
      const draw = drawIncrements(load, limit);
      const caller = async () => {
        while (!draw.isOver) {
          const pipeline = redis.pipeline();
          for (const { key, by } of draw.many(PIPELINE)) {
            pipeline.evalsha(sha, 1, key, by);
          }
          await pipeline.exec();
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
      return draw.submitted;
    },
    close: async () => {
      await redis.quit();
    },
  };
}
