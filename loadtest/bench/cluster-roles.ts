import { pino } from 'pino';
import { createMetrics, createProducer, createWorker } from '../../src/index.js';
import type { Role, RoleTask, RunningRole } from './roles.js';

/** Microseconds of processor time for each update. Compiling the code is a part of it, a small one of many updates. */
export interface SpreadFound {
  readonly micros: number;
  /** Of a worker: the part of its calls for several slots of a master that were answered, and not made again slot by slot; none on one server. */
  readonly answeredShare?: number | undefined;
}

const CALLERS = 1_000;

const logger = pino({ level: 'error' }, pino.destination(2));

/** The keys of a run: each alone in its slot, mostly, or with others of its tag. */
export function spreadKey(number: number, keysOfATag: number): string {
  return keysOfATag === 1 ? `k:${number}` : `k:{${Math.floor(number / keysOfATag)}}:${number}`;
}

/** 1,000 callers that each submit one update after the other. */
export function runSpreadProducer(task: RoleTask): Promise<RunningRole> {
  const { redisUrl, updates, keys, partitions, maxBatch, keysOfATag } = requireRole(task, 'spread-producer');
  const producer = createProducer({ redis: redisUrl, partitions, maxBatch, logger });
  let next = 0;
  const caller = async () => {
    while (next < updates) {
      next += 1;
      await producer.counters.increment({ key: spreadKey(Math.floor(Math.random() * keys), keysOfATag) });
    }
  };
  return Promise.resolve({
    work: async () => {
      const before = process.cpuUsage();
      await Promise.all(Array.from({ length: CALLERS }, caller));
      return microsOf(before, updates);
    },
    close: () => producer.close(),
  });
}

export async function runSpreadWorker(task: RoleTask): Promise<RunningRole> {
  const { redisUrl, updates, partitions, outcomes } = requireRole(task, 'spread-worker');
  const metrics = createMetrics({ redis: redisUrl, logger });
  const worker = createWorker({ redis: redisUrl, partitions, queues: ['counters'], outcomes, metrics, logger });
  await worker.ready();
  const before = process.cpuUsage();
  let completed = 0;
  const finished = new Promise<SpreadFound>((resolve) => {
    worker.on('completed', ({ updates: count }) => {
      completed += count;
      if (completed === updates) {
        resolve(microsOf(before, updates));
      }
    });
  });
  return {
    work: async () => {
      const found = await finished;
      return { ...found, answeredShare: answeredShareIn(await metrics.text()) };
    },
    close: async () => {
      await worker.close();
      await metrics.close();
    },
  };
}

function answeredShareIn(metrics: string): number | undefined {
  const [answered, fellBack] = ['answered', 'fell back'].map((result) =>
    Number(new RegExp(`^tally_calls_by_master_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(metrics)?.[1] ?? 0),
  ) as [number, number];
  return answered + fellBack === 0 ? undefined : answered / (answered + fellBack);
}

/** For each update, since the time that was read before them. */
function microsOf(before: NodeJS.CpuUsage, updates: number): SpreadFound {
  const { user, system } = process.cpuUsage(before);
  return { micros: (user + system) / updates };
}

function requireRole<Name extends Role['role']>(task: RoleTask, role: Name): Extract<RoleTask, { role: Name }> {
  if (task.role !== role) {
    throw new TypeError(`not a ${role}: ${task.role}`);
  }
  return task as Extract<RoleTask, { role: Name }>;
}
