import { watchParents } from '../../src/lib/watch-parents.js';

/** How a load is ended early: first its submitting, then also the wait for outcomes. */
export interface Stopping {
  readonly submitting: AbortSignal;
  readonly draining: AbortSignal;
}

/** One Ctrl-C may come twice: from the terminal, and once more from npm, which hands it on. */
const SAME_SIGNAL_MS = 500;

/** How long outcomes are waited for when nobody is at the terminal, and when the load ends in any case. */
const HURRIED_DRAIN_MS = 1_500;
const HURRIED_END_MS = 4_500;

/**
 * Ends a load early. By Ctrl-C: the first time it drains, judges and reports, the second time it waits no longer. By SIGTERM, or
 * when its terminal was closed or what started it is gone, it does both within seconds.
 */
export function stopOnSignals(): Stopping & { dispose(): void } {
  const [submitting, draining] = [new AbortController(), new AbortController()];
  let lastAtMs = -Infinity;
  const stop = () => {
    if (performance.now() - lastAtMs > SAME_SIGNAL_MS) {
      lastAtMs = performance.now();
      (submitting.signal.aborted ? draining : submitting).abort();
    }
  };
  const timers: NodeJS.Timeout[] = [];
  const hurry = () => {
    stop();
    timers.push(
      setTimeout(() => {
        draining.abort();
      }, HURRIED_DRAIN_MS),
      setTimeout(() => process.exit(1), HURRIED_END_MS),
    );
  };
  const listeners = { SIGINT: stop, SIGTERM: hurry, SIGHUP: hurry } as const;
  for (const [signal, listener] of Object.entries(listeners)) {
    process.on(signal, listener);
  }
  const unwatch = watchParents(hurry);
  return {
    submitting: submitting.signal,
    draining: draining.signal,
    dispose: () => {
      unwatch();
      timers.forEach(clearTimeout);
      for (const [signal, listener] of Object.entries(listeners)) {
        process.off(signal, listener);
      }
    },
  };
}
