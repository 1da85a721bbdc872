import { join } from 'node:path';
import { runEpoch } from './epoch.js';
import type { EpochResult } from './epoch.js';
import type { Violation } from './oracle/evidence.js';
import type { EpochPlan } from './schedule.js';
import type { Side } from './side.js';
import { addCounts } from './tally-up.js';
import type { UpdateCounts } from './tally-up.js';
import type { Topology } from './world.js';

/** The figures of a whole run. */
export interface RunResult {
  readonly epochs: number;
  readonly topologies: readonly Topology[];
  readonly struck: ReadonlyMap<string, number>;
  readonly violations: readonly Violation[];
  readonly counts: UpdateCounts | undefined;
  readonly longestDrainMs: number;
}

export interface RunOptions {
  readonly plans: readonly EpochPlan[];
  /** Each epoch gets a folder in it. */
  readonly folder: string;
  readonly side: Side;
  readonly say: (what: string) => void;
  /** Called after an epoch without violations: its files are not needed any more. */
  readonly epochPassed: (folder: string) => void;
}

/** Runs epochs until the first that has violations, if they are judged. */
export async function runEpochs({ plans, folder, side, say, epochPassed }: RunOptions): Promise<RunResult> {
  const results: EpochResult[] = [];
  for (const plan of plans) {
    const epochFolder = join(folder, `epoch-${plan.number}`);
    const result = await runEpoch({
      plan,
      folder: epochFolder,
      side,
      say: (what) => {
        say(`epoch ${plan.number} of ${plans.length}: ${what}`);
      },
      awaitReceipts: plan === plans.at(-1),
    });
    results.push(result);
    if (side.isJudged && result.violations.length > 0) {
      break;
    }
    epochPassed(epochFolder);
  }
  return summaryOf(results, [...new Set(plans.map(({ topology }) => topology))]);
}

function summaryOf(results: readonly EpochResult[], topologies: readonly Topology[]): RunResult {
  const struck = new Map<string, number>();
  for (const [name, times] of results.flatMap((result) => [...result.struck])) {
    struck.set(name, (struck.get(name) ?? 0) + times);
  }
  return {
    epochs: results.length,
    topologies,
    struck,
    violations: results.flatMap((result) => result.violations),
    counts: results.map(({ counts }) => counts).reduce<UpdateCounts | undefined>(sum, undefined),
    longestDrainMs: Math.max(0, ...results.map(({ drainMs }) => drainMs)),
  };
}

function sum(one: UpdateCounts | undefined, other: UpdateCounts): UpdateCounts {
  return one === undefined ? other : addCounts(one, other);
}
