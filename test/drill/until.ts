import { setTimeout as wait } from 'node:timers/promises';

const LOOK_EVERY_MS = 500;

/**
 * Looks until something is found.
 *
 * @returns what was found, and how many seconds it took
 * @throws in the words of `what`, with the facts, when it takes longer
 */
export async function until<Found>(
  what: string,
  limitMs: number,
  look: () => Promise<Found | undefined | false>,
  facts: () => string = () => '',
): Promise<{ found: Found; seconds: number }> {
  const startedAtMs = performance.now();
  for (;;) {
    const found = await look();
    const tookMs = performance.now() - startedAtMs;
    if (found !== undefined && found !== false) {
      return { found, seconds: Math.round(tookMs / 1000) };
    }
    if (tookMs > limitMs) {
      throw new Error(`not within ${limitMs / 1000} s: ${what}. ${facts()}`);
    }
    await wait(LOOK_EVERY_MS);
  }
}
