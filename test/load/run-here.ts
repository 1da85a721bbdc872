import { expect } from 'vitest';
import type { LoadFlags } from '../../loadtest/load/flags.js';
import type { LiveView } from '../../loadtest/load/live-view.js';
import { runLoad } from '../../loadtest/load/load.js';
import type { Place as LoadPlace } from '../../loadtest/load/load.js';
import { readPlan } from '../../loadtest/load/plan.js';
import type { LoadResult } from '../../loadtest/load/result.js';
import { keysLike } from '../support/tally.js';
import type { Place } from '../support/tally.js';

export { keysLike };

const QUIET: LiveView = {
  begin: () => undefined,
  step: () => undefined,
  drain: () => undefined,
  sample: () => undefined,
  say: () => undefined,
  done: () => undefined,
};

export interface Watching {
  /** What is looked at while it runs. @defaultValue nothing */
  readonly view?: Partial<LiveView>;
  /** Ends its submitting. @defaultValue never */
  readonly signal?: AbortSignal;
  /** What of the place is not as a test's place has it. @defaultValue nothing */
  readonly differently?: Partial<LoadPlace>;
}

/** Puts a load on the Tally of a test's place, and makes sure that it leaves no key of its own. */
export async function runHere(
  here: Place,
  scenario: string | undefined,
  flags: LoadFlags,
  { view, signal = new AbortController().signal, differently }: Watching = {},
): Promise<LoadResult> {
  const { redis, namespace, prefix, logger } = here;
  const place = { redis, namespace, prefix, origin: 'http://127.0.0.1:1', apiKey: undefined, ...differently };
  const stopping = { submitting: signal, draining: new AbortController().signal };
  const plan = readPlan(scenario, { seed: '7', ...flags });
  const result = await runLoad(plan, () => place, { logger, view: { ...QUIET, ...view }, stopping });
  expect(await keysLike(here, `load:${result.settings.runId}:*`)).toEqual([]);
  return result;
}

/** How many updates had outcomes of this status. */
export function countOf({ tally }: LoadResult, status: string): number {
  return tally.outcomes.reduce((sum, outcome) => sum + (outcome.status === status ? outcome.count : 0), 0);
}
