import { shiftClock } from '../shifted-clock.js'; // first: it changes the clock of all that follow
import { UnrecoverableError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import { Redis } from 'ioredis';
import { isBad } from '../cells.js';
import { obeyWorkerOrders } from '../worker-orders.js';
import { cellsOf, stepsOf } from '../oracle/changes.js';
import { LOCK_DURATION_MS, PREFIX, QUEUES, STALLED_INTERVAL_MS } from '../settings.js';
import type { WorkerSettings } from '../side.js';
import { ADD_SCRIPT, ADD_SHA } from './add-script.js';

/** The plain BullMQ worker that Tally is compared with: one atomic script in its processor, many attempts. */

const { redis, clockOffsetMs } = JSON.parse(process.argv[2] ?? '') as WorkerSettings;
shiftClock(clockOffsetMs);

const connection = new Redis(redis, { maxRetriesPerRequest: null });
connection.on('error', () => undefined);
const workers = QUEUES.map((name) => {
  const worker = new Worker(name, apply, {
    connection,
    prefix: PREFIX,
    concurrency: 50,
    lockDuration: LOCK_DURATION_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    runRetryDelay: 1_000,
  });
  worker.on('error', () => undefined);
  return worker;
});
await Promise.all(workers.map((worker) => worker.waitUntilReady()));
obeyWorkerOrders({ applySha: ADD_SHA, close: () => Promise.all(workers.map((worker) => worker.close())) });

/** Adds to all cells of the update in one script. Limits and stock are left out: only what is added is compared. */
async function apply({ name, data }: Job<object>): Promise<unknown> {
  if (cellsOf(name, data).some(isBad)) {
    throw new UnrecoverableError('a cell that cannot be changed');
  }
  const args = stepsOf(name, data)
    .flat()
    .flatMap(({ cell: { key, field, member }, by }) => {
      const kind = field !== undefined ? 'hash' : member !== undefined ? 'zset' : 'string';
      return [kind, key, field ?? member ?? '', typeof by === 'number' ? by : 0];
    });
  try {
    return await connection.evalsha(ADD_SHA, 0, ...args);
  } catch (error) {
    if ((error as Error).message.startsWith('NOSCRIPT')) {
      return connection.eval(ADD_SCRIPT, 0, ...args);
    }
    throw error;
  }
}
