import { collectEvidence } from './collect.js';
import { mendAll } from './nemeses/cells.js';
import { readJournal, submissionsOf } from './journal.js';
import type { Violation } from './oracle/evidence.js';
import { judgeCut } from './oracle/invariants.js';
import type { Side } from './side.js';
import { connected, membersOf, serverOf } from './world.js';
import type { World } from './world.js';

/** The fault that is a phase of its own, not a nemesis. */
export const AOF_CUT = 'redis: killed, append-only file cut, everything sent again';

export interface Cut {
  readonly violations: readonly Violation[];
  /** How many lines of each journal were written before it: what producers were told there is void. */
  readonly voidLines: readonly number[];
}

export interface CutOptions {
  /** What was in the file before the first update. */
  readonly bytesAtStart: number;
  /** How much is left of what was written since. */
  readonly part: number;
  readonly side: Side;
  readonly say: (what: string) => void;
}

/** The whole machine crashes, and Redis loses the end of its append-only file. The producers then send everything again. */
export async function cutAof(world: World, { bytesAtStart, part, side, say }: CutOptions): Promise<Cut> {
  const { producerMode, operator, journals, acts, shards } = world;
  const server = serverOf(world);
  await Promise.all(membersOf(world).map((member) => member.kill()));
  await server.restart();
  await server.kill();
  const bytes = server.aofBytes();
  const left = bytesAtStart + Math.floor((bytes - bytesAtStart) * part);
  server.cutAof(left);
  say(`the append-only file is cut from ${bytes} to ${left} bytes`);
  await server.restart();
  const entries = journals.map(readJournal);
  const before = submissionsOf(entries.flat());
  await mendAll({ operator: await connected(operator), shards });
  acts.forget();
  const evidence = await collectEvidence(world, before, side);
  producerMode.resubmitAll = true;
  for (const member of membersOf(world)) {
    member.revive();
  }
  return {
    violations: side.isJudged ? judgeCut(before, evidence) : [],
    voidLines: entries.map(({ length }) => length),
  };
}
