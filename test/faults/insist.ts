import { setTimeout as wait } from 'node:timers/promises';

const TIMEOUT_MS = 10_000;
const EVERY_MS = 50;

/** Tries for as long as Redis is unreachable or refuses, at most 10 s: what a fault has broken must be mended meanwhile. */
export async function insist(action: () => Promise<unknown>): Promise<void> {
  const endsAt = performance.now() + TIMEOUT_MS;
  for (;;) {
    try {
      await action();
      return;
    } catch (error) {
      if (performance.now() > endsAt) {
        throw error;
      }
      await wait(EVERY_MS);
    }
  }
}
