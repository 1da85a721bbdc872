import { shiftClock } from './shifted-clock.js'; // first: it changes the clock of all that follow
import { pino } from 'pino';
import { ConfigurationError, createWorker } from '../../src/index.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { OPERATIONS, REGISTRY } from './operations.js';
import { LOCK_DURATION_MS, NAMESPACE, PREFIX, SETTLED_RECEIPT_MS, STALLED_INTERVAL_MS } from './settings.js';
import { TRY_AGAIN } from './member.js';
import type { WorkerSettings } from './side.js';
import { obeyWorkerOrders } from './worker-orders.js';

/** The worker program of a fault run. */

const { redis, clockOffsetMs } = JSON.parse(process.argv[2] ?? '') as WorkerSettings;
shiftClock(clockOffsetMs);

const worker = createWorker({
  redis,
  namespace: NAMESPACE,
  prefix: PREFIX,
  operations: OPERATIONS,
  lockDurationMs: LOCK_DURATION_MS,
  stalledIntervalMs: STALLED_INTERVAL_MS,
  settledReceiptMs: SETTLED_RECEIPT_MS,
  outcomes: { keepMs: 400 * 86_400_000, keepUpdates: 1e9 }, // the oracle reads all, whatever the clock says
  keepOutcomes: { bytes: 2 ** 30 }, // whatever maxmemory a fault sets: the oracle asks for every job
  logger: pino({ level: 'warn' }, pino.destination({ dest: 2, sync: true })),
});
await worker.ready().catch((error: unknown) => {
  if (error instanceof ConfigurationError && error.message.includes('is a replica')) {
    process.exit(TRY_AGAIN); // what this worker is told is true while a fault lasts
  }
  throw error;
});
obeyWorkerOrders({ applySha: applyScript(REGISTRY).sha, close: () => worker.close() });
