import { watchParents } from '../src/lib/watch-parents.js';
import type { Context } from './context.js';

/** Ends something that was started. */
export type Stop = () => Promise<void>;

/** What ends a command that runs on. SIGUSR2 is what nodemon sends. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;

const ERRORS = ['uncaughtException', 'unhandledRejection'] as const;

/** One Ctrl-C may come twice: from the terminal, and once more from npm, which hands it on. */
const SAME_SIGNAL_MS = 500;

/** Beside the running jobs, a private Redis may need some seconds to end. */
const STOP_GRACE_MS = 15_000;

/** When nobody is there who could end it by force: what runs then is taken over at the next start. */
const FORSAKEN_STOP_MS = 4_000;

interface Cause {
  /** How long the stop may take. */
  readonly limitMs: number;
  readonly error?: Error;
}

/**
 * Runs `stop` on a signal, on an error that nothing caught, or when npm or the script that waited for this process is gone, and
 * then ends the process. A second signal ends it at once: what is on its way then is lost to nobody, since Redis has it.
 */
export function onStop(context: Context, stop: () => Promise<void>): { uninstall(): void } {
  const limitMs = context.config.TALLY_CLOSE_TIMEOUT_MS + STOP_GRACE_MS;
  const { logger } = context;
  let begunAtMs: number | undefined;
  const begin = (what: string, cause: Cause) => {
    if (begunAtMs === undefined) {
      begunAtMs = performance.now();
      logger.info(`stopping (${what})`);
      void stopAndExit(context, stop, cause);
    } else if (performance.now() - begunAtMs > SAME_SIGNAL_MS) {
      process.exit(1);
    }
  };
  const onSignal = (signal: NodeJS.Signals) => {
    begin(signal, { limitMs: signal === 'SIGHUP' ? FORSAKEN_STOP_MS : limitMs });
  };
  const onError = (thrown: unknown) => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    logger.fatal({ err: error }, error.message);
    begin('error', { limitMs, error });
  };
  const onNothingLeft = () => {
    begin('nothing left to do', { limitMs });
  };
  const unwatch = watchParents(() => {
    begin('what started it is gone', { limitMs: FORSAKEN_STOP_MS });
  });
  SIGNALS.forEach((signal) => process.on(signal, onSignal));
  ERRORS.forEach((event) => process.on(event, onError));
  process.once('beforeExit', onNothingLeft);
  return {
    uninstall: () => {
      unwatch();
      SIGNALS.forEach((signal) => process.off(signal, onSignal));
      ERRORS.forEach((event) => process.off(event, onError));
      process.off('beforeExit', onNothingLeft);
    },
  };
}

async function stopAndExit({ logger }: Context, stop: () => Promise<void>, { limitMs, error }: Cause): Promise<void> {
  setTimeout(() => process.exit(1), limitMs);
  try {
    await stop();
    process.exit(error === undefined ? 0 : 1);
  } catch (failure) {
    logger.error({ err: failure }, 'could not stop in order');
    process.exit(1);
  }
}

/** Stops what was started, the last first. */
export async function stopAll(stops: Stop[]): Promise<void> {
  for (const stop of stops.splice(0).reverse()) {
    await stop();
  }
}
