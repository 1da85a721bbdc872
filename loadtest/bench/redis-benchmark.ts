import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Redis } from 'ioredis';
import { INCREMENT } from '../plain-bullmq/scripts.js';
import type { Program } from './contender.js';
import { prepare, requireTotal } from './workload.js';
import type { Limit } from './workload.js';

/** It sends whole pipelines of this length only. */
const PIPELINE = 16;

/** No queue and no Node: the script, as fast as `redis-benchmark` calls it. It knows no limit of time. @returns updates
 * per second; undefined where it is not installed */
export async function runRedisBenchmark(
  redisUrl: string,
  redis: Redis,
  { name, keys }: Program,
  limit: Limit,
): Promise<number | undefined> {
  const load = { keys, maxBy: 1 };
  await prepare(redis, load);
  const updates = Math.ceil(limit.updates / PIPELINE) * PIPELINE;
  const sha = (await redis.script('LOAD', INCREMENT.lua)) as string;
  const options = ['-P', String(PIPELINE), '-n', String(updates), '-r', String(keys), '--csv'];
  const startedAt = performance.now();
  try {
    const { port } = new URL(redisUrl);
    await promisify(execFile)('redis-benchmark', ['-p', port, ...options, 'EVALSHA', sha, '1', 'k:__rand_int__', '1']);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await requireTotal(redis, load, updates, name);
  return updates / seconds;
}
