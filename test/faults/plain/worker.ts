import { shiftClock } from '../shifted-clock.js'; // first: it changes the clock of all that follow
import { UnrecoverableError } from 'bullmq';
import { connectPlainly } from '../../../loadtest/plain-bullmq/connect-plainly.js';
import { changeArgs, CHANGES } from '../../../loadtest/plain-bullmq/scripts.js';
import type { ScriptArgs } from '../../../loadtest/plain-bullmq/scripts.js';
import { startPlainWorker } from '../../../loadtest/plain-bullmq/worker.js';
import { isBad } from '../cells.js';
import { cellsOf, stepsOf } from '../oracle/changes.js';
import { LOCK_DURATION_MS, PREFIX, QUEUES, STALLED_INTERVAL_MS } from '../settings.js';
import type { WorkerSettings } from '../side.js';
import { obeyWorkerOrders } from '../worker-orders.js';

/** The plain BullMQ worker that Tally is compared with: one atomic script in its processor, many attempts. */

const { redis, clockOffsetMs } = JSON.parse(process.argv[2] ?? '') as WorkerSettings;
shiftClock(clockOffsetMs);

const options = {
  connection: connectPlainly(redis, { maxRetriesPerRequest: null }),
  prefix: PREFIX,
  concurrency: 50,
  lockDurationMs: LOCK_DURATION_MS,
  stalledIntervalMs: STALLED_INTERVAL_MS,
  script: CHANGES,
};
const workers = await Promise.all(
  QUEUES.map((queue) =>
    startPlainWorker<object>({ ...options, name: queue, argsOf: ({ name, data }) => argsOf(name, data) }),
  ),
);
obeyWorkerOrders({ applyShas: [CHANGES.sha], close: () => Promise.all(workers.map((worker) => worker.close())) });

/** Adds to all cells of the update in one script. Limits and stock are left out: only what is added is compared. */
function argsOf(operation: string, params: object): ScriptArgs {
  if (cellsOf(operation, params).some(isBad)) {
    throw new UnrecoverableError('a cell that cannot be changed');
  }
  const wishes = stepsOf(operation, params).flat();
  return changeArgs(
    'add',
    wishes.map(({ cell, by }) => ({ cell, by: typeof by === 'number' ? by : 0 })),
  );
}
