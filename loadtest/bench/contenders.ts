import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { INCREMENT_SCRIPT } from './contender.js';
import type { Contender, Task } from './contender.js';
import { startRole, timeProducerAndWorker } from './roles.js';
import type { Role } from './roles.js';
import { PIPELINE } from './throughput.js';

const KEYS = 10_000;

// The updates of each side take it about five seconds, so that warming up counts little.

const plainBullmq: Contender = {
  name: 'plain-bullmq',
  title: 'BullMQ: addBulk, a worker at concurrency 100, EVALSHA in the processor',
  updates: 50_000,
  keys: KEYS,
  run: (task) =>
    timeProducerAndWorker({ role: 'plain-producer', ...places(task) }, { role: 'plain-worker', ...places(task) }),
};

const beeQueue: Contender = {
  name: 'bee-queue',
  title: 'bee-queue: saveAll, a worker at concurrency 100, EVALSHA in the processor',
  updates: 100_000,
  keys: KEYS,
  run: (task) =>
    timeProducerAndWorker({ role: 'bee-producer', ...places(task) }, { role: 'bee-worker', ...places(task) }),
};

const evalshaPipelined: Contender = {
  name: 'evalsha-pipelined',
  title: 'no queue: EVALSHA pipelined by ioredis from one process',
  updates: 1_000_000,
  keys: KEYS,
  run: async (task) => {
    const caller = await startRole({ role: 'evalsha-caller', ...places(task) });
    const startedAt = performance.now();
    caller.go();
    await caller.done;
    const seconds = (performance.now() - startedAt) / 1000;
    await caller.stop();
    return seconds;
  },
};

const redisBenchmark: Contender = {
  name: 'redis-benchmark',
  title: 'no queue, no Node: redis-benchmark -P 16 with the same script',
  updates: 2_000_000,
  keys: KEYS,
  run: async ({ redisUrl, redis, updates, keys }) => {
    const sha = (await redis.script('LOAD', INCREMENT_SCRIPT)) as string;
    const { port } = new URL(redisUrl);
    const options = ['-p', port, '-P', String(PIPELINE), '-n', String(updates), '-r', String(keys), '--csv'];
    const startedAt = performance.now();
    try {
      await promisify(execFile)('redis-benchmark', [...options, 'EVALSHA', sha, '1', 'k:__rand_int__', '1']);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
    return (performance.now() - startedAt) / 1000;
  },
};

function tally(options: { maxBatch?: number; keyedShare?: number }, contender: Omit<Contender, 'run'>): Contender {
  const producer: Role = {
    role: 'tally-producer',
    maxBatch: options.maxBatch ?? 256,
    keyedShare: options.keyedShare ?? 0,
  };
  return {
    ...contender,
    run: (task) => timeProducerAndWorker({ ...producer, ...places(task) }, { role: 'tally-worker', ...places(task) }),
  };
}

function places({ redisUrl, updates, keys }: Task) {
  return { redisUrl, updates, keys };
}

/** All sides, in the order of the table. */
export const contenders: readonly Contender[] = [
  plainBullmq,
  beeQueue,
  evalshaPipelined,
  redisBenchmark,
  tally(
    { maxBatch: 1 },
    { name: 'tally-single', title: 'Tally, one update per job: 1,000 callers of submit', updates: 40_000, keys: KEYS },
  ),
  tally({}, { name: 'tally-batched', title: 'Tally: 1,000 callers of submit', updates: 750_000, keys: KEYS }),
  tally(
    { keyedShare: 0.1 },
    { name: 'tally-keyed', title: 'Tally, 10 % with idempotency keys', updates: 500_000, keys: KEYS },
  ),
  tally({}, { name: 'tally-hot-key', title: 'Tally, all on one key', updates: 1_000_000, keys: 1 }),
];
