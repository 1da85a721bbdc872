import { setTimeout as wait } from 'node:timers/promises';
import { bullmq } from './bullmq.js';

/** As BullMQ waits. */
const DELAY_MS = 5_000;

/** What of a BullMQ object it takes. */
interface Owner {
  readonly closing: Promise<void> | undefined;
  emit(event: 'error', error: Error): boolean;
}

/**
 * BullMQ's way to go on after a failed command of its loops, of which it asks its classes under the name
 * `checkConnectionError`; but this wait keeps no process running that has closed its worker or producer meanwhile.
 */
export async function tryAgainLater<T>(owner: Owner, command: () => Promise<T>): Promise<T | undefined> {
  try {
    return await command();
  } catch (error) {
    if (bullmq().isNotConnectionError(error as Error)) {
      owner.emit('error', error as Error);
    }
    if (owner.closing === undefined) {
      await wait(DELAY_MS, undefined, { ref: false });
    }
    return undefined;
  }
}
