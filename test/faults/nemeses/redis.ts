import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { World } from '../world.js';
import type { Nemesis } from './nemesis.js';

const scriptFlush: Nemesis = {
  name: 'redis: SCRIPT FLUSH',
  weight: 5,
  act: async ({ operator }) => (await operator.script('FLUSH')) === 'OK',
};

const killed: Nemesis = {
  name: 'redis: kill -9 and restart',
  weight: 2,
  act: async ({ server }, random) => {
    if (!server.isUp) {
      return false;
    }
    await server.kill();
    await wait(random.int(0, 500));
    await server.restart();
    return true;
  },
};

const full: Nemesis = {
  name: 'redis: maxmemory reached, then relieved',
  weight: 3,
  act: async ({ operator }, random) => {
    const refusedBefore = await refusals(operator);
    await operator.config('SET', 'maxmemory', '1mb');
    await wait(random.int(100, 1_200));
    await operator.config('SET', 'maxmemory', '0');
    return (await refusals(operator)) > refusedBefore;
  },
};

const clientsKilled: Nemesis = {
  name: 'redis: CLIENT KILL of all',
  weight: 4,
  act: async ({ operator }) => Number(await operator.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')) > 0,
};

/** Commands that Redis refused for want of memory so far. */
async function refusals(redis: Redis): Promise<number> {
  const stats = await redis.info('errorstats');
  return Number(/errorstat_OOM:count=(\d+)/.exec(stats)?.[1] ?? 0);
}

/** Undoes what a fault may have left behind that died on the way. */
export async function relieve({ server, operator }: World): Promise<void> {
  await server.restart();
  await operator.config('SET', 'maxmemory', '0');
}

export const redisNemeses: readonly Nemesis[] = [scriptFlush, killed, full, clientsKilled];
