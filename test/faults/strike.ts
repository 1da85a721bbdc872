import { setTimeout as wait } from 'node:timers/promises';
import { withinTime } from '../../src/lib/timeouts.js';
import { createRandom } from './random.js';
import type { EpochPlan, Fault } from './schedule.js';
import type { World } from './world.js';

const SAY_EVERY_MS = 5_000;

/** Much more than any takes, while others strike as well. */
const LONGEST_ACT_MS = 90_000;

/**
 * Lets the faults of an epoch strike at their times, whatever else strikes meanwhile.
 *
 * @returns how often each nemesis really struck
 */
export async function strikeAll(
  world: World,
  { faults, faultsLastMs }: EpochPlan,
  say: (what: string) => void,
): Promise<Map<string, number>> {
  const struck = new Map<string, number>();
  const startedAt = performance.now();
  const acts = faults.map(async (fault) => {
    await wait(fault.atMs);
    const happened = await strike(world, fault);
    if (happened) {
      struck.set(fault.nemesis.name, (struck.get(fault.nemesis.name) ?? 0) + 1);
    }
  });
  const progress = setInterval(() => {
    const count = [...struck.values()].reduce((sum, times) => sum + times, 0);
    say(`${((performance.now() - startedAt) / 1_000).toFixed(0)} of ${faultsLastMs / 1_000} s, ${count} faults`);
  }, SAY_EVERY_MS);
  await Promise.all(acts);
  clearInterval(progress);
  return struck;
}

/** A fault that another fault makes impossible, such as a command to a Redis that is down, did not happen. */
async function strike(world: World, { nemesis, seed }: Fault): Promise<boolean> {
  let happened = false;
  const act = nemesis.act(world, createRandom(seed)).then(
    (itDid) => {
      happened = itDid;
    },
    () => undefined,
  );
  if (!(await withinTime(act, LONGEST_ACT_MS))) {
    world.acts.complaints.push(`the suite itself hangs in the nemesis "${nemesis.name}"`);
  }
  return happened;
}
