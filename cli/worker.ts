import { createMetrics } from '../src/metrics/metrics.js';
import type { Metrics } from '../src/metrics/metrics.js';
import type { RedisTarget } from '../src/redis/target.js';
import { createWorker } from '../src/workers/worker.js';
import type { TallyWorker } from '../src/workers/worker.js';
import { connectionOptions, createContext, durabilityOptions, findRedis } from './context.js';
import type { Context } from './context.js';
import { operationsWithHistory } from './histories.js';
import { watchAsWorker } from './installation.js';
import { listenForMetrics } from './listen.js';
import { onStop, stopAll } from './on-stop.js';
import type { Stop } from './on-stop.js';
import { startWebhooks } from './webhook-sender.js';

/** `tally worker`: applies updates until it is told to stop. */
export async function work(): Promise<void> {
  const context = createContext();
  const redis = findRedis(context);
  const metrics = context.config.TALLY_METRICS_PORT === undefined ? undefined : createMetrics();
  const stopMetrics = metrics && (await listenForMetrics(metrics, context));
  const worker = startWorker(context, redis, metrics);
  const stopWebhooks = startWebhooks(context, redis);
  const stops: Stop[] = [];
  const watching = watchAsWorker(context, redis, metrics, stops);
  worker.once('stopped', () => process.kill(process.pid, 'SIGTERM'));
  const stopping = onStop(context, async () => {
    await Promise.all([worker.close(), stopWebhooks(), watching.then(() => stopAll(stops))]);
    await stopMetrics?.();
  });
  await worker.ready().catch(async (error: unknown) => {
    stopping.uninstall(); // it would end the process with exit code 0
    await Promise.all([stopWebhooks(), watching.then(() => stopAll(stops))]);
    await stopMetrics?.();
    throw error;
  });
}

export function startWorker(context: Context, redis: RedisTarget, metrics: Metrics | undefined): TallyWorker {
  const { config } = context;
  return createWorker({
    ...connectionOptions(context, redis),
    ...durabilityOptions(context),
    partitionShare: config.TALLY_PARTITION_SHARE,
    operations: operationsWithHistory(config, context.operations),
    metrics,
    concurrency: config.TALLY_CONCURRENCY,
    lockDurationMs: config.TALLY_LOCK_DURATION_MS,
    stalledIntervalMs: config.TALLY_STALLED_INTERVAL_MS,
    idempotencyWindowMs: config.TALLY_IDEMPOTENCY_WINDOW_MS,
    keepOutcomes: {
      ms: config.TALLY_KEEP_OUTCOMES_MS,
      updates: config.TALLY_KEEP_OUTCOMES_UPDATES,
      bytes: config.TALLY_KEEP_OUTCOMES_BYTES,
    },
    outcomes: config.TALLY_OUTCOMES && {
      keepMs: config.TALLY_OUTCOMES_KEEP_MS,
      keepUpdates: config.TALLY_OUTCOMES_KEEP_UPDATES,
      keepBytes: config.TALLY_OUTCOMES_KEEP_BYTES,
    },
    closeTimeoutMs: config.TALLY_CLOSE_TIMEOUT_MS,
  });
}
