import type { SearchResult, SearchStep } from './result.js';

/** A rate that is tried is this much higher or lower than the one before, until one held and one did not. */
const FACTOR = 2;

/** Steps at most before and after that. */
const MAX_COARSE_STEPS = 10;
const FINE_STEPS = 4;

const MAX_RATE = 1_000_000;

/**
 * Finds the highest rate that holds: doubles until one does not, or halves until one does, and then takes the middle.
 *
 * @param measure runs one step; undefined when the load was ended early
 */
export async function searchRate(
  { p99LimitMs, firstPerSecond }: { readonly p99LimitMs: number; readonly firstPerSecond: number },
  measure: (perSecond: number) => Promise<SearchStep | undefined>,
): Promise<SearchResult> {
  const steps: SearchStep[] = [];
  let held = 0;
  let failed = Number.POSITIVE_INFINITY;
  let perSecond = firstPerSecond;
  for (let fine = 0; fine < FINE_STEPS && steps.length < MAX_COARSE_STEPS + FINE_STEPS;) {
    const step = await measure(perSecond);
    if (step === undefined) {
      break;
    }
    steps.push(step);
    held = step.held ? Math.max(held, perSecond) : held;
    failed = step.held ? failed : Math.min(failed, perSecond);
    const isFine = held > 0 && Number.isFinite(failed);
    fine += isFine ? 1 : 0;
    const next = isFine ? (held + failed) / 2 : step.held ? held * FACTOR : failed / FACTOR;
    perSecond = Math.floor(next);
    if (perSecond < 1 || perSecond > MAX_RATE || perSecond === held) {
      break;
    }
  }
  return { p99LimitMs, highestPerSecond: held, steps };
}
