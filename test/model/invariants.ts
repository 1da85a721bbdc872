import type { World } from './scenario.js';
import type { State } from './state.js';
import { jobAt } from './state.js';
import type { Told } from './told.js';
import { PLACES, toldOf } from './told.js';

/** What must hold in each state, and of what is told in it. */
export type Invariant =
  | 'an update is applied twice'
  | 'a key is applied twice'
  | 'a key is both applied and cancelled'
  | 'told "applied" of what was not applied'
  | 'told "duplicate" of a key that was not applied'
  | 'told "failed", "cancelled" or "not accepted" of what was applied'
  | 'refused as too old within its window'
  | 'removed before its time'
  | 'an update has not ended, or not as it should';

const NEGATIVE_OF_APPLIED = 'told "failed", "cancelled" or "not accepted" of what was applied';

/** @returns the invariant that a state breaks, if any */
export function brokenByState(state: State, world: World): Invariant | undefined {
  if (state.effects.some((count) => count > 1)) {
    return 'an update is applied twice';
  }
  if (state.isKeyDoubled) {
    return 'a key is applied twice';
  }
  if (state.isKeyTornApart) {
    return 'a key is both applied and cancelled';
  }
  if (state.isRefusedEarly && state.clock === undefined) {
    return 'refused as too old within its window';
  }
  if (state.isRemovedEarly) {
    return 'removed before its time';
  }
  for (const [job, place] of PLACES) {
    const update = updateAt(state, job, place);
    const broken = update === undefined ? undefined : brokenByTelling(state, update, toldOf(state, job, place, world));
    if (broken !== undefined) {
      return broken;
    }
  }
  return undefined;
}

/** @returns the invariant that a step breaks, if any: what was told before it must not be undone by it */
export function brokenByStep(before: State, after: State, world: World): Invariant | undefined {
  if (before.effects === after.effects) {
    return undefined;
  }
  const isUndone = PLACES.some(([job, place]) => {
    const update = updateAt(after, job, place);
    const isAppliedNow = update !== undefined && after.effects[update] !== before.effects[update];
    return isAppliedNow && isNegative(toldOf(before, job, place, world));
  });
  return isUndone ? NEGATIVE_OF_APPLIED : undefined;
}

/** The update that has this id now: a job that was put back carries it on. */
function updateAt(state: State, job: 0 | 1, place: 0 | 1): number | undefined {
  const putBack = job === 0 ? jobAt(state, place === 0 ? 2 : 3).updates[0] : undefined;
  const update = putBack ?? jobAt(state, job).updates[place];
  return update === undefined ? undefined : Number(update);
}

function brokenByTelling(after: State, update: number, told: Told): Invariant | undefined {
  const isApplied = after.effects[update] !== 0;
  if (told === 'applied' && !isApplied) {
    return 'told "applied" of what was not applied';
  }
  if (told === 'duplicate' && after.effects[0] === 0 && after.effects[2] === 0) {
    return 'told "duplicate" of a key that was not applied';
  }
  return isNegative(told) && isApplied ? NEGATIVE_OF_APPLIED : undefined;
}

function isNegative(told: Told): boolean {
  return told === 'failed' || told === 'cancelled' || told === 'not accepted';
}

/** Where nothing is left to do: whatever could be applied was, and its caller is told so. */
export function brokenAtTheEnd(state: State, world: World): Invariant | undefined {
  const { scenario } = world;
  for (const [job, place] of PLACES) {
    const update = updateAt(state, job, place);
    const told = toldOf(state, job, place, world);
    const mayFail = scenario.strictWorker === true && update === 0 && told === 'failed';
    if (update !== undefined && !mayFail && told !== 'applied' && told !== 'duplicate') {
      return 'an update has not ended, or not as it should';
    }
  }
  return undefined;
}
