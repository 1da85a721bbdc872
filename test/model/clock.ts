import type { World } from './scenario.js';
import type { Job, State } from './state.js';
import { CLOCK_TOLERANCE, UNSETTLED_MARGIN, UNSETTLED_RECEIPT } from './times.js';

/** Redis' time as it counts for stamps, windows and receipts: it does not fall behind what was announced. */
export function logicalTime({ clock }: State, { rules }: World): number {
  return rules.clock === 'raised' ? Math.max(0, clock ?? 0) : 0;
}

/** Before anything is stamped or applied that lies further ahead of the clock than is tolerated. */
export function raiseWhereAhead(state: State, world: World): State {
  const { clock } = state;
  return clock !== undefined && logicalTime(state, world) > clock + CLOCK_TOLERANCE ? raise(state, world) : state;
}

export function raise(state: State, { rules }: World): State {
  return rules.clock === 'raised' && state.clock !== undefined && state.clock < 0 ? { ...state, clock: 0 } : state;
}

/** Before it is relied on that earlier leases are over. */
export function raiseToEndLeases(state: State, world: World): State {
  return world.rules.leaseEndsBy === 'TIME' ? state : raise(state, world);
}

/** The age from which on a job's receipts may be gone. */
export const REMEMBERED = UNSETTLED_RECEIPT - UNSETTLED_MARGIN - 1;

/** Whether a receipt of this job may be gone, so that none says nothing. */
export function isForgotten(state: State, { stamp }: Job, world: World): boolean {
  return world.rules.failedIsTold === 'while receipts last' && logicalTime(state, world) > stamp + REMEMBERED;
}
