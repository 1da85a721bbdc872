import { setTimeout as wait } from 'node:timers/promises';
import type { RedisClient } from '../../../src/redis/connection.js';
import { FaultCluster } from '../cluster.js';
import { insist } from '../insist.js';
import { mastersOf } from '../read-redis.js';
import { serverOf } from '../world.js';
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
  act: async (world, random) => {
    const server = serverOf(world);
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
    const refusedBefore = await refusals(operator, 'OOM');
    await operator.config('SET', 'maxmemory', '1mb');
    await wait(random.int(100, 1_200));
    await insist(() => operator.config('SET', 'maxmemory', '0'));
    return (await refusals(operator, 'OOM')) > refusedBefore;
  },
};

const clientsKilled: Nemesis = {
  name: 'redis: CLIENT KILL of all',
  weight: 4,
  act: async ({ operator }) => Number(await operator.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')) > 0,
};

/** Writes are refused while Redis does not have the replicas that it was told to have. */
const tooFewReplicas: Nemesis = {
  name: 'redis: NOREPLICAS for a while',
  weight: 2,
  act: async ({ operator }, random) => {
    const refusedBefore = await refusals(operator, 'NOREPLICAS');
    await operator.config('SET', 'min-replicas-to-write', '1');
    await wait(random.int(100, 1_500));
    await insist(() => operator.config('SET', 'min-replicas-to-write', '0'));
    return (await refusals(operator, 'NOREPLICAS')) > refusedBefore;
  },
};

/** As after a failover that it was not told of. The master that it should follow is not there, so it keeps what it has. */
const readOnly: Nemesis = {
  name: 'redis: READONLY for a while',
  weight: 2,
  act: async ({ operator }, random) => {
    const refusedBefore = await refusals(operator, 'READONLY');
    await operator.replicaof('127.0.0.1', NOBODY_LISTENS);
    await wait(random.int(100, 1_500));
    await insist(() => operator.replicaof('NO', 'ONE'));
    return (await refusals(operator, 'READONLY')) > refusedBefore;
  },
};

const NOBODY_LISTENS = 1;

/** Over a connection of its own, so that it begins and ends when it should. */
const paused: Nemesis = {
  name: 'redis: CLIENT PAUSE',
  weight: 3,
  act: async (world, random) => {
    await serverOf(world).pause(random.int(100, 2_500), random.pick(['ALL', 'WRITE']));
    return true;
  },
};

/** Commands that Redis refused for this reason so far. */
async function refusals(redis: RedisClient, code: 'OOM' | 'NOREPLICAS' | 'READONLY'): Promise<number> {
  const stats = await redis.info('errorstats');
  return Number(new RegExp(`errorstat_${code}:count=(\\d+)`).exec(stats)?.[1] ?? 0);
}

/** Undoes what a fault may have left behind that died on the way. */
export async function relieve({ server, operator }: World): Promise<void> {
  if (server instanceof FaultCluster) {
    await Promise.all(mastersOf(operator).map((master) => master.config('SET', 'maxmemory', '0')));
    return;
  }
  await server.restart();
  await operator.replicaof('NO', 'ONE');
  await operator.config('SET', 'min-replicas-to-write', '0');
  await operator.config('SET', 'maxmemory', '0');
}

export const redisNemeses: readonly Nemesis[] = [
  scriptFlush,
  killed,
  full,
  tooFewReplicas,
  readOnly,
  paused,
  clientsKilled,
];
