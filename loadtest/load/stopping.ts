/** How a load is ended early: first its submitting, then also the wait for outcomes. */
export interface Stopping {
  readonly submitting: AbortSignal;
  readonly draining: AbortSignal;
}

/** Ends a load by Ctrl-C or SIGTERM: the first time it drains, judges and reports, the second time it waits no longer. */
export function stopOnSignals(): Stopping & { dispose(): void } {
  const [submitting, draining] = [new AbortController(), new AbortController()];
  const stop = () => {
    (submitting.signal.aborted ? draining : submitting).abort();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) {
    process.on(signal, stop);
  }
  return {
    submitting: submitting.signal,
    draining: draining.signal,
    dispose: () => {
      for (const signal of signals) {
        process.off(signal, stop);
      }
    },
  };
}
