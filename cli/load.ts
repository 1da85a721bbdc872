import { writeFileSync } from 'node:fs';
import type { LoadFlags } from '../loadtest/load/flags.js';
import { liveView } from '../loadtest/load/live-view.js';
import { runLoad } from '../loadtest/load/load.js';
import type { Place } from '../loadtest/load/load.js';
import { readPlan } from '../loadtest/load/plan.js';
import { renderReport } from '../loadtest/load/report/render.js';
import { stopOnSignals } from '../loadtest/load/stopping.js';
import { summaryOf } from '../loadtest/load/summary.js';
import { connectionOptions, createContext, durabilityOptions, findRedis } from './context.js';
import type { Context } from './context.js';

/** `tally load`: puts a load on Tally and says whether the totals are right. */
export async function load(
  scenario: string | undefined,
  flags: LoadFlags & { readonly operations?: string },
): Promise<void> {
  const context = createContext(process.stderr);
  const plan = readPlan(scenario, flags);
  const stopping = stopOnSignals();
  const view = liveView(plan.search === undefined ? plan.work.durationMs : undefined);
  try {
    const result = await runLoad(plan, () => placeOf(context), {
      logger: context.logger,
      view,
      stopping,
      operations: flags.operations,
    });
    console.log(summaryOf(result));
    if (plan.json !== undefined) {
      writeFileSync(plan.json, `${JSON.stringify(result, null, 2)}\n`);
    }
    if (plan.report !== undefined) {
      writeFileSync(plan.report, renderReport(result));
    }
    process.exitCode = result.passed ? 0 : 1;
  } finally {
    stopping.dispose();
  }
}

function placeOf(context: Context): Place {
  const { HOST, PORT, TALLY_API_KEY: apiKey } = context.config;
  const host = HOST.includes(':') ? `[${HOST}]` : HOST;
  return {
    ...connectionOptions(context, findRedis(context)),
    ...durabilityOptions(context),
    operations: context.operations,
    origin: `http://${host}:${PORT}`,
    apiKey,
  };
}
