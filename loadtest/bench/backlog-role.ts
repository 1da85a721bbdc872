import { Redis } from 'ioredis';
import { pino } from 'pino';
import { jobKey, jobSetKey } from '../../src/bullmq/queue-keys.js';
import { createProducer, createWorker } from '../../src/index.js';
import type { TallyWorker } from '../../src/index.js';
import { DEFAULT_NAMESPACE } from '../../src/redis/keys.js';
import { keyName } from './workload.js';
import type { RoleTask, RunningRole } from './roles.js';

/** What an update costs at one size of the backlog. */
export interface BacklogCost {
  /** Microseconds of Redis' main thread to add it. */
  readonly addMicros: number;
  /** Microseconds of Redis' main thread for all of its way: added, applied, completed, settled. */
  readonly totalMicros: number;
  /** Updates per second that are applied while as many are added, in one process. */
  readonly perSecond: number;
}

export interface BacklogFound extends BacklogCost {
  /** All updates that Redis has: applied, or waiting still. */
  readonly submitted: number;
}

const QUEUE = { prefix: DEFAULT_NAMESPACE.prefix, queue: 'counters' };

/** The list of waiting jobs, the newest first. */
export const WAITING_LIST = jobSetKey(QUEUE, 'waiting');

/** Added at a time: few, so that 1,000 waiting stay about 1,000. */
const STEP = 1_024;
/** What runs before the measure, as a part of what is measured. */
const WARM_UP = 0.2;

const logger = pino({ level: 'error' }, pino.destination(2));

type Submit = (count: number) => Promise<readonly { readonly jobId: string }[]>;

/**
 * Costs at a backlog that keeps its size. Adding: in steps, each of which is taken away again. All of the way: a worker
 * runs, and for each update that it completes another one is added.
 */
export function runTallyBacklog(task: RoleTask): Promise<RunningRole> {
  if (task.role !== 'tally-backlog') {
    throw new TypeError(`not a backlog: ${task.role}`);
  }
  const { redisUrl, keys, updates, waiting, maxBatch, concurrency } = task;
  const redis = new Redis(redisUrl);
  const producer = createProducer({ redis: redisUrl, maxBatch, logger });
  let worker: TallyWorker | undefined;
  const submit: Submit = (count) =>
    producer.submit(
      Array.from({ length: count }, () => ({
        operation: 'counter.increment' as const,
        params: { key: keyName(Math.floor(Math.random() * keys)) },
      })),
    );
  return Promise.resolve({
    work: async (): Promise<BacklogFound> => {
      const level = Math.ceil(waiting / maxBatch) * maxBatch;
      await fill(submit, level);
      const addMicros = await measureAdding(redis, submit, updates);
      const underWay = 2 * concurrency * maxBatch; // half with the worker, about half on their way back
      await fill(submit, underWay);
      worker = createWorker({ redis: redisUrl, queues: ['counters'], concurrency, logger });
      const { refilled, ...found } = await measureAllOfTheWay(redis, submit, worker, updates);
      return { addMicros, ...found, submitted: level + underWay + refilled };
    },
    close: async () => {
      await worker?.close();
      await producer.close();
      redis.disconnect();
    },
  });
}

async function fill(submit: Submit, updates: number): Promise<void> {
  let left = updates;
  const caller = async () => {
    while (left > 0) {
      const count = Math.min(STEP, left);
      left -= count;
      await submit(count);
    }
  };
  await Promise.all(Array.from({ length: 4 }, caller));
}

async function measureAdding(redis: Redis, submit: Submit, updates: number): Promise<number> {
  const steps = Math.ceil(updates / STEP);
  let micros = 0;
  for (let step = -Math.ceil(steps * WARM_UP); step < steps; step += 1) {
    const before = await redisMicros(redis);
    const submissions = await submit(STEP);
    const after = await redisMicros(redis);
    const reading = (await redisMicros(redis)) - after; // a tenth of what the step costs
    micros += step < 0 ? 0 : after - before - reading;
    const jobIds = [...new Set(submissions.map(({ jobId }) => jobId))];
    await redis.ltrim(WAITING_LIST, jobIds.length, -1);
    await redis.unlink(jobIds.map((jobId) => jobKey(QUEUE, jobId)));
  }
  return micros / (steps * STEP);
}

async function measureAllOfTheWay(
  redis: Redis,
  submit: Submit,
  worker: TallyWorker,
  updates: number,
): Promise<Pick<BacklogFound, 'totalMicros' | 'perSecond'> & { refilled: number }> {
  const refills: Promise<{ length: number }>[] = [];
  let completed = 0;
  const refill = ({ updates: count }: { updates: number }) => {
    completed += count;
    refills.push(submit(count));
  };
  const reach = (count: number) =>
    new Promise<number>((resolve) => {
      worker.on('completed', () => {
        if (completed >= count) {
          resolve(completed);
        }
      });
    });
  worker.on('completed', refill);
  const [first, last] = [reach(updates * WARM_UP), reach(updates * (WARM_UP + 1))];
  const from = { completed: await first, micros: await redisMicros(redis), atMs: performance.now() };
  const to = { completed: await last, micros: await redisMicros(redis), atMs: performance.now() };
  worker.off('completed', refill);
  const measured = to.completed - from.completed;
  return {
    totalMicros: (to.micros - from.micros) / measured,
    perSecond: (measured / (to.atMs - from.atMs)) * 1000,
    refilled: (await Promise.all(refills)).reduce((sum, { length }) => sum + length, 0),
  };
}

/** Processor time that Redis' main thread has used, in microseconds. */
async function redisMicros(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  const seconds = [...info.matchAll(/used_cpu_(?:user|sys)_main_thread:([\d.]+)/g)].map(([, value]) => Number(value));
  return seconds.reduce((sum, value) => sum + value, 0) * 1e6;
}
