import { logicalTime, raiseWhereAhead, REMEMBERED } from './clock.js';
import type { World } from './scenario.js';
import type { Job, JobIndex, KeyReceipt, Request, State } from './state.js';
import { jobAt, replaced } from './state.js';
import { UNSETTLED_RECEIPT, WINDOW_MARGIN } from './times.js';

export const LEASE_EXPIRED = 'LEASE_EXPIRED';
export const OUT_OF_MEMORY = 'OOM';

/** Outcomes as job receipts and return values have them, one letter for each update, after what they answered for. */
export const APPLIED = '+';
export const DUPLICATE = '=';
export const FAILED = '?';
export const UNKNOWN = '*';
export const CANCELLED = '-';
/** Its key was used up by another job that was cancelled. */
export const CANCELLED_BEFORE = '~';

export function outcomesText(updates: string, outcomes: string): string {
  return `tally/2 ${digestOf(updates)} ${outcomes}`;
}

/** Updates 0 and 2 are the same change, sent twice. */
export function digestOf(updates: string): string {
  return updates.replace('2', '0');
}

export function isOwnText(text: string): boolean {
  return text.startsWith('tally/2 ');
}

/** @returns the digest of the data that were answered for, and the outcome of each update */
export function parseOutcomes(text: string): { digest: string; outcomes: string } {
  const [, digest = '', outcomes = ''] = text.split(' ');
  return { digest, outcomes };
}

export function receiptName(job: JobIndex, { rules }: World): JobIndex {
  return rules.receiptNames === 'id' && job === 1 ? 0 : job;
}

const WORDS: Readonly<Record<string, string>> = {
  [APPLIED]: 'applied',
  [DUPLICATE]: 'duplicate',
  [FAILED]: 'failed',
  [UNKNOWN]: 'unknown',
  [CANCELLED]: 'cancelled',
  [CANCELLED_BEFORE]: 'cancelled before',
};

/** An answer of the script, for people. */
export function inWords(answer: string): string {
  const { outcomes } = parseOutcomes(answer);
  return isOwnText(answer) ? Array.from(outcomes, (outcome) => WORDS[outcome]).join(', ') : answer;
}

/** Whether an attempt may still write. */
export function isWithinLease(state: State, { lease, clockLease }: Request, world: World): boolean {
  const isByClock = world.rules.leaseEndsBy === 'TIME' || logicalTime(state, world) <= clockLease;
  return lease >= 0 && isByClock;
}

/** What the script does when a request arrives, in one atomic step. */
export function runScript(before: State, request: Request, world: World): { next: State; answer: string } {
  const name = receiptName(request.job, world);
  const receipt = before.receipts[name];
  const isInTime = isWithinLease(before, request, world);
  if (receipt !== undefined) {
    const next = isInTime ? withReceipt(before, name, receipt.outcomes, world) : before;
    return { next, answer: receipt.outcomes };
  }
  if (!isInTime) {
    return { next: before, answer: LEASE_EXPIRED };
  }
  let next = raiseWhereAhead(before, world);
  let outcomes = '';
  for (const update of request.updates) {
    const outcome = outcomeOf(next, update, request, world);
    next = outcome === APPLIED ? applied(next, update, request.job, world) : next;
    next = outcome === UNKNOWN || outcome === FAILED ? notedRefusal(next, update, request, world) : next;
    outcomes += outcome;
  }
  const answer = outcomesText(request.updates, outcomes);
  return { next: leavesReceipt(outcomes, world) ? withReceipt(next, name, answer, world) : next, answer };
}

/** A job of one update that was not applied leaves none, so that a retry plans it anew. */
function leavesReceipt(outcomes: string, { rules }: World): boolean {
  const isNothing = /^[?*]+$/.test(outcomes);
  return !isNothing || (outcomes.length > 1 && rules.failedBatch === 'leaves a receipt');
}

export function receiptsLiveFrom(state: State, world: World): number {
  return world.rules.receiptLivesFrom === 'TIME' ? 0 : logicalTime(state, world);
}

export function withReceipt(state: State, name: JobIndex, outcomes: string, world: World): State {
  const receipt = { outcomes, expiresAt: receiptsLiveFrom(state, world) + UNSETTLED_RECEIPT };
  return { ...state, receipts: replaced(state.receipts, name, receipt) };
}

export function keyReceiptOf(state: State, job: JobIndex, world: World): KeyReceipt | undefined {
  return state.keyReceipts[keyReceiptName(job, world)];
}

function keyReceiptName(job: JobIndex, { rules, scenario }: World): number {
  return rules.keyReceiptNames === 'key' ? 0 : (scenario.jobs[job]?.partition ?? 0);
}

function isKeyed(job: Job, update: string): boolean {
  return job.keyed && update !== '1';
}

function outcomeOf(state: State, update: string, request: Request, world: World): string {
  const job = jobAt(state, request.job);
  const recorded = isKeyed(job, update) ? keyReceiptOf(state, request.job, world) : undefined;
  if (recorded !== undefined) {
    return recorded.isCancelled ? CANCELLED_BEFORE : DUPLICATE;
  }
  if (isTooOld(state, update, request, world)) {
    return world.rules.tooOldIs === 'unknown' ? UNKNOWN : FAILED;
  }
  return request.impossible.includes(update) || state.broken.includes(update) ? FAILED : APPLIED;
}

function isTooOld(state: State, update: string, request: Request, world: World): boolean {
  const { rules, scenario } = world;
  const job = jobAt(state, request.job);
  const keyed = isKeyed(job, update);
  const counts = keyed ? rules.keyedAgeCounts : rules.unkeyedAgeCounts;
  if (rules.age === 'ignored' || (counts === 'after the first run' && request.isFirstRun)) {
    return false;
  }
  const limit = keyed ? job.window : REMEMBERED;
  if (rules.age === 'timestamp and delay') {
    return (scenario.workerClock ?? 0) - job.stamp - job.delay > limit;
  }
  return logicalTime(state, world) > job.stamp + limit;
}

function applied(state: State, update: string, index: JobIndex, world: World): State {
  const effects = replaced(state.effects, Number(update), (state.effects[Number(update)] ?? 0) + 1);
  const job = jobAt(state, index);
  if (update === '1' || world.scenario.jobs[0]?.keyed !== true) {
    return { ...state, effects };
  }
  const isPromised = state.keyPromised !== undefined && !job.isNewUse;
  const used = isKeyed(job, update) ? withUsedKey(state, index, false, world) : state;
  return {
    ...used,
    effects,
    keyPromised: logicalTime(state, world) + state.announced,
    isKeyCancelled: false,
    isKeyDoubled: state.isKeyDoubled || (isPromised && !state.isKeyCancelled),
    isKeyTornApart: state.isKeyTornApart || (isPromised && state.isKeyCancelled),
  };
}

function withUsedKey(state: State, index: JobIndex, isCancelled: boolean, world: World): State {
  const { window } = jobAt(state, index);
  const life = world.rules.keyReceiptLives === 'the own window' ? window : state.announced;
  const receipt = { expiresAt: logicalTime(state, world) + WINDOW_MARGIN + life, isCancelled };
  return { ...state, keyReceipts: replaced(state.keyReceipts, keyReceiptName(index, world), receipt) };
}

/** A cancel is remembered under the key, as what is applied is: whoever sends it again is told so. */
export function withCancelledKey(state: State, index: JobIndex, world: World): State {
  const { keyed, isNewUse } = jobAt(state, index);
  if (!keyed) {
    return state;
  }
  const used = world.rules.cancelledKey === 'used up' ? withUsedKey(state, index, true, world) : state;
  const now = logicalTime(state, world);
  const isApplied = !state.isKeyCancelled && !isNewUse && (state.keyPromised ?? -Infinity) >= now;
  const isKeyTornApart = state.isKeyTornApart || isApplied;
  return { ...used, keyPromised: now + state.announced, isKeyCancelled: true, isKeyTornApart };
}

/** Whether an update of the key may not be refused for its age, as by Redis' time its window is not over. */
function notedRefusal(state: State, update: string, request: Request, world: World): State {
  const job = jobAt(state, request.job);
  const isOld = -job.sentAt > job.window;
  const isForAge = isTooOld(state, update, request, world);
  return isKeyed(job, update) && isForAge && !isOld ? { ...state, isRefusedEarly: true } : state;
}
