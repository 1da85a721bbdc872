import { readFileSync } from 'node:fs';

/**
 * Starts to measure how long something in this process takes. Time in which the machine had others run, although this thread
 * could have, is left out (on Linux): what has a limit keeps it by the time that it was given.
 *
 * @returns tells the ms since the start
 */
export function startStopwatch(): () => number {
  const [startedAtMs, keptBeforeMs] = [performance.now(), keptWaitingMs()];
  return () => performance.now() - startedAtMs - (keptWaitingMs() - keptBeforeMs);
}

/** For how long this thread has waited for a processor since it began: the second number, in ns. */
function keptWaitingMs(): number {
  try {
    const [, waitedNs = '0'] = readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ');
    return Number(waitedNs) / 1_000_000;
  } catch {
    return 0; // not on Linux
  }
}
