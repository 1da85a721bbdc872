import closeWithGrace from 'close-with-grace';
import { createWorker } from '../workers/worker.js';
import type { TallyWorker } from '../workers/worker.js';
import { connectionOptions, createContext, findRedis } from './context.js';
import type { Context } from './context.js';

/** `tally worker`: applies updates until it is told to stop. */
export async function work(): Promise<void> {
  const context = createContext();
  const worker = startWorker(context, findRedis(context));
  onStop(context, () => worker.close());
  await worker.ready();
}

export function startWorker(context: Context, redis: string): TallyWorker {
  const { config } = context;
  return createWorker({
    ...connectionOptions(context, redis),
    concurrency: config.TALLY_CONCURRENCY,
    lockDurationMs: config.TALLY_LOCK_DURATION_MS,
    stalledIntervalMs: config.TALLY_STALLED_INTERVAL_MS,
    idempotencyWindowMs: config.TALLY_IDEMPOTENCY_WINDOW_MS,
    closeTimeoutMs: config.TALLY_CLOSE_TIMEOUT_MS,
  });
}

/** Runs `stop` on SIGTERM, SIGINT or an error that nothing caught, and then ends the process. */
export function onStop({ config, logger }: Context, stop: () => Promise<void>): { uninstall(): void } {
  // Beside the running jobs, a private Redis may need some seconds to end.
  const delay = config.TALLY_CLOSE_TIMEOUT_MS + 15_000;
  return closeWithGrace({ delay, logger: false }, async ({ signal, err }) => {
    if (err) {
      logger.fatal({ err }, err.message);
    } else {
      logger.info(`stopping (${signal ?? 'end'})`);
    }
    await stop();
  });
}
