import { shiftClock } from './shifted-clock.js'; // first: it changes the clock of all that follow
import { pino } from 'pino';
import { ConfigurationError, createWorker } from '../../src/index.js';
import { OPERATIONS } from './operations.js';
import { NAMESPACE, PREFIX } from './settings.js';
import { TRY_AGAIN } from './try-again.js';
import { APPLY_SHAS } from './side.js';
import type { WorkerSettings } from './side.js';
import { obeyWorkerOrders } from './worker-orders.js';

/** The worker program of a fault run. */

const { redis, clockOffsetMs, partitions, replicasToConfirm, tellsOutcomes, pace } = JSON.parse(
  process.argv[2] ?? '',
) as WorkerSettings;
shiftClock(clockOffsetMs);

const worker = createWorker({
  redis,
  namespace: NAMESPACE,
  prefix: PREFIX,
  partitions,
  replicasToConfirm,
  operations: OPERATIONS,
  lockDurationMs: pace.lockDurationMs,
  stalledIntervalMs: pace.stalledIntervalMs,
  settledReceiptMs: pace.settledReceiptMs,
  // The oracle reads all, whatever the clock says, and whatever maxmemory a fault sets.
  ...(tellsOutcomes && { outcomes: { keepMs: 400 * 86_400_000, keepUpdates: 1e9, keepBytes: 2 ** 30 } }),
  keepOutcomes: { bytes: 2 ** 30 }, // whatever maxmemory a fault sets: the oracle asks for every job
  logger: pino({ level: 'warn' }, pino.destination({ dest: 2, sync: true })),
});
await worker.ready().catch((error: unknown) => {
  if (error instanceof ConfigurationError && error.message.includes('is a replica')) {
    process.exit(TRY_AGAIN); // what this worker is told is true while a fault lasts
  }
  throw error;
});
obeyWorkerOrders({ applyShas: APPLY_SHAS, close: () => worker.close() });
