import { mkdirSync } from 'node:fs';
import { AOF_CUT, cutAof } from './aof-cut.js';
import { collectEvidence } from './collect.js';
import { drain, heal } from './drain.js';
import { readJournal, submissionsOf } from './journal.js';
import type { Submission } from './journal.js';
import { lateReceipts, openConnections, stopMembers } from './left-behind.js';
import type { Violation } from './oracle/evidence.js';
import { judge, violations } from './oracle/invariants.js';
import { readTold, untilHeard } from './read-told.js';
import { Sampler } from './sampler.js';
import type { EpochPlan } from './schedule.js';
import type { Side } from './side.js';
import { endSchedule, putSchedule, watchRuns } from './schedules.js';
import { strikeAll } from './strike.js';
import { countUpdates } from './tally-up.js';
import type { UpdateCounts } from './tally-up.js';
import { endWorld, membersOf, serverOf, startWorld } from './world.js';
import type { World } from './world.js';

export interface EpochResult {
  /** How often each nemesis really struck. */
  readonly struck: ReadonlyMap<string, number>;
  readonly violations: readonly Violation[];
  readonly counts: UpdateCounts;
  readonly drainMs: number;
}

export interface EpochOptions {
  readonly plan: EpochPlan;
  readonly folder: string;
  readonly side: Side;
  readonly say: (what: string) => void;
  /** Waits until the receipts of settled jobs are gone, rather than looking at their time to live. */
  readonly awaitReceipts: boolean;
}

/** Runs one epoch: faults, healing, draining, stopping, and the judgement of all that is left. */
export async function runEpoch(options: EpochOptions): Promise<EpochResult> {
  const { plan, folder, side } = options;
  mkdirSync(folder, { recursive: true });
  const keyedOnly = plan.aofCutPart !== undefined; // what is lost in a cut can only be sent again with a key
  const { producerSeeds, partitions, topology } = plan;
  const world = await startWorld({ topology, folder, side, producerSeeds, keyedOnly, partitions });
  const sampler = new Sampler(world.server, world.shards);
  try {
    return await runIn(world, sampler, options);
  } finally {
    await sampler.stop();
    await endWorld(world);
  }
}

async function runIn(world: World, sampler: Sampler, options: EpochOptions): Promise<EpochResult> {
  const { plan, side, say, awaitReceipts } = options;
  const found: Violation[] = [];
  const bytesAtStart = plan.aofCutPart === undefined ? 0 : serverOf(world).aofBytes();
  await Promise.all(membersOf(world).map((member) => member.ready()));
  const hasSchedule = side.isJudged && plan.topology === 'server';
  if (hasSchedule) {
    await putSchedule(world);
  }
  const struck = await strikeAll(world, plan, say);
  let voidLines: readonly number[] = [];
  if (plan.aofCutPart !== undefined) {
    const cut = await cutAof(world, { bytesAtStart, part: plan.aofCutPart, side, say });
    struck.set(AOF_CUT, 1);
    found.push(...cut.violations);
    voidLines = cut.voidLines;
  }
  say('healing');
  const notHealed = await heal(world);
  if (hasSchedule) {
    await endSchedule(world);
  }
  const drained = await drain(world);
  say(`drained in ${(drained.ms / 1_000).toFixed(1)} s`);
  const runsMissing = hasSchedule ? await watchRuns(world) : [];
  const notHeard = await untilHeard(world);
  const stopped = await stopMembers(world);
  await sampler.stop();
  const told = world.tellsOutcomes ? await readTold(world) : undefined;
  const evidence = await collectEvidence(world, submissionsNow(world, voidLines), side, told);
  found.push(
    ...violations(1, sampler.sightings),
    ...(side.isJudged ? judge(evidence) : []),
    ...violations(9, runsMissing),
    ...violations(6, [...notHealed, ...drained.complaints, ...world.acts.complaints]),
    ...violations(10, notHeard),
    ...violations(8, [...stopped, ...(await openConnections(world))]),
    ...violations(8, await lateReceipts(world, evidence, awaitReceipts)),
  );
  return {
    struck,
    violations: found,
    counts: countUpdates(evidence),
    drainMs: drained.ms,
  };
}

/** What the producers wanted and were told; of the lines that a cut made void, only what they wanted counts. */
function submissionsNow({ journals, acts }: World, voidLines: readonly number[]): Submission[] {
  const entries = journals.flatMap((journal, place) =>
    readJournal(journal).filter(({ type }, line) => type === 'intent' || line >= (voidLines[place] ?? 0)),
  );
  return [...submissionsOf(entries), ...acts.submissions];
}
