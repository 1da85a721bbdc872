import type { Contender, Program } from './contender.js';
import type { Increments } from './workload.js';
import type { ProducerRole, WorkerRole } from './roles.js';

/** Small amounts on few keys: what is kindest to all. */
const FRIENDLY: Increments = { keys: 10_000, maxBy: 1 };
const RANDOM: Increments = { keys: 100_000, maxBy: 1_000_000 };
const HOT_KEY: Increments = { keys: 1, maxBy: 1 };
const IN_WORDS = '`by` up to 1,000,000, 100,000 keys';

/** Updates that Tally puts into a job by itself, and those who batch by hand as well. */
const BATCH = 256;

/** What a worker does beside the changes. */
type Beside = Pick<Extract<WorkerRole, { role: 'tally-worker' }>, 'outcomes' | 'histories'>;

const PLAIN = 'BullMQ: addBulk, a worker at concurrency 100, EVALSHA in its processor';
const BY_HAND = `BullMQ, ${BATCH} increments put into a job by hand, one script`;
const CALLERS = 'Tally: 1,000 callers of submit';

function plain(load: Increments, { batch = 1 } = {}): Pick<Contender, 'load' | 'producers' | 'worker'> {
  return {
    load,
    producers: [{ role: 'plain-producer', batch, ...load }],
    worker: { role: 'plain-worker', applies: batch === 1 ? 'increments' : 'batches' },
  };
}

function tally(
  load: Increments,
  {
    maxBatch = BATCH,
    keyedShare = 0,
    ...ofWorker
  }: { maxBatch?: number; keyedShare?: number; concurrency?: number } & Beside = {},
): Pick<Contender, 'load' | 'producers' | 'worker'> {
  return {
    load,
    producers: [{ role: 'tally-producer', maxBatch, keyedShare, ...load }],
    worker: { role: 'tally-worker', queues: ['counters'], ...ofWorker },
  };
}

function mix(producer: ProducerRole, worker: WorkerRole): Pick<Contender, 'load' | 'producers' | 'worker'> {
  return { load: 'mix', producers: [producer], worker };
}

const EVALSHA: ProducerRole = { role: 'evalsha-caller', ...FRIENDLY };

/** All sides, in the order of the table. */
export const contenders: readonly (Contender | Program)[] = [
  { name: 'plain-bullmq', title: PLAIN, ...plain(FRIENDLY) },
  { name: 'plain-bullmq-batched', title: BY_HAND, ...plain(FRIENDLY, { batch: BATCH }) },
  {
    name: 'bee-queue',
    title: 'bee-queue: saveAll, a worker at concurrency 100, EVALSHA in its processor',
    load: FRIENDLY,
    producers: [{ role: 'bee-producer', ...FRIENDLY }],
    worker: { role: 'bee-worker' },
  },
  {
    name: 'evalsha-pipelined',
    title: 'no queue: EVALSHA pipelined by ioredis from one process',
    load: FRIENDLY,
    producers: [EVALSHA],
  },
  {
    name: 'evalsha-pipelined-2',
    title: 'no queue: EVALSHA pipelined by ioredis from two processes',
    load: FRIENDLY,
    producers: [EVALSHA, EVALSHA],
  },
  {
    name: 'redis-benchmark',
    title: 'no queue, no Node: redis-benchmark -P 16 with the same script',
    program: 'redis-benchmark',
    keys: FRIENDLY.keys,
  },
  {
    name: 'tally-single',
    title: `${CALLERS}, one update per job, a worker at concurrency 100`,
    ...tally(FRIENDLY, { maxBatch: 1, concurrency: 100 }),
  },
  { name: 'tally-batched', title: CALLERS, ...tally(FRIENDLY) },
  {
    name: 'tally-lists',
    title: `Tally: 8 callers of submit with lists of ${BATCH}`,
    load: FRIENDLY,
    producers: [{ role: 'tally-list-producer', ...FRIENDLY }],
    worker: { role: 'tally-worker', queues: ['counters'] },
  },
  { name: 'tally-keyed', title: `${CALLERS}, 10 % with idempotency keys`, ...tally(FRIENDLY, { keyedShare: 0.1 }) },
  { name: 'tally-hot-key', title: `${CALLERS}, all on one key`, ...tally(HOT_KEY) },
  { name: 'plain-bullmq-random', title: `as plain-bullmq, ${IN_WORDS}`, ...plain(RANDOM) },
  {
    name: 'plain-bullmq-batched-random',
    title: `as plain-bullmq-batched, ${IN_WORDS}`,
    ...plain(RANDOM, { batch: BATCH }),
  },
  { name: 'tally-batched-random', title: `as tally-batched, ${IN_WORDS}`, ...tally(RANDOM) },
  {
    name: 'plain-bullmq-mix',
    title: 'as plain-bullmq, the mix of `tally load`',
    ...mix({ role: 'plain-mix-producer' }, { role: 'plain-worker', applies: 'mix' }),
  },
  {
    name: 'tally-mix',
    title: 'as tally-batched, the mix of `tally load`',
    ...mix({ role: 'tally-mix-producer' }, { role: 'tally-worker' }),
  },
];

/** The same with something beside the changes, to compare with those: for processor time only. */
function withBeside(suffix: string, words: string, beside: Beside): Contender[] {
  return [
    {
      name: `tally-single-${suffix}`,
      title: `as tally-single, ${words}`,
      ...tally(FRIENDLY, { maxBatch: 1, concurrency: 100, ...beside }),
    },
    { name: `tally-batched-${suffix}`, title: `as tally-batched, ${words}`, ...tally(FRIENDLY, beside) },
    { name: `tally-hot-key-${suffix}`, title: `as tally-hot-key, ${words}`, ...tally(HOT_KEY, beside) },
    { name: `tally-batched-random-${suffix}`, title: `as tally-batched-random, ${words}`, ...tally(RANDOM, beside) },
    {
      name: `tally-mix-${suffix}`,
      title: `as tally-mix, ${words}`,
      ...mix({ role: 'tally-mix-producer' }, { role: 'tally-worker', ...beside }),
    },
  ];
}

export const contendersWithMore: readonly Contender[] = [
  ...withBeside('outcomes', 'and outcomes are told', { outcomes: true }),
  ...withBeside('histories', 'and each cell has a history of 20 entries', { histories: true }),
];
