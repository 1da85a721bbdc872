import { pino } from 'pino';
import { createProducer, createWorker } from '../../src/index.js';
import { keyName } from './contender.js';
import type { RunningRole } from './role-process.js';
import type { RoleTask } from './roles.js';

const CALLERS = 1_000;
const logger = pino({ level: 'error' }, pino.destination(2));

/** 1,000 callers that each submit one update after the other. */
export async function runTallyProducer(task: RoleTask): Promise<RunningRole> {
  if (task.role !== 'tally-producer') {
    throw new TypeError(`not a producer of Tally: ${task.role}`);
  }
  const { redisUrl, updates, keys, maxBatch, keyedShare } = task;
  const producer = createProducer({ redis: redisUrl, maxBatch, logger });
  let next = 0;
  const caller = async () => {
    while (next < updates) {
      const number = next++;
      const keyed = number % 100 < keyedShare * 100;
      await producer.counters.increment(
        { key: keyName(Math.floor(Math.random() * keys)) },
        keyed ? { idempotencyKey: `order-${number}` } : undefined,
      );
    }
  };
  return Promise.resolve({
    work: async () => {
      await Promise.all(Array.from({ length: CALLERS }, caller));
    },
    close: () => producer.close(),
  });
}

export async function runTallyWorker({
  redisUrl,
  updates,
}: Pick<RoleTask, 'redisUrl' | 'updates'>): Promise<RunningRole> {
  const worker = createWorker({ redis: redisUrl, queues: ['counters'], logger });
  let completed = 0;
  const finished = new Promise<void>((resolve) => {
    worker.on('completed', ({ updates: count }) => {
      completed += count;
      if (completed === updates) {
        resolve();
      }
    });
  });
  await worker.ready();
  return { work: () => finished, close: () => worker.close() };
}
