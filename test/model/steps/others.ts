import { raise } from '../clock.js';
import type { World } from '../scenario.js';
import {
  CANCELLED,
  isOwnText,
  keyReceiptOf,
  outcomesText,
  receiptName,
  receiptsLiveFrom,
  withCancelledKey,
  withReceipt,
} from '../script.js';
import type { Job, JobIndex, State } from '../state.js';
import { happened, JOB_NAMES, jobAt, mayHappen, replaced, shifted, withJob } from '../state.js';
import type { Step } from '../step.js';
import { event, progress } from '../step.js';
import { CLOCK_STEP, CLOCK_TOLERANCE, FAILED_KEPT, SETTLED_RECEIPT } from '../times.js';

/** What BullMQ, the settler and the janitor do with a job by themselves. */
export function keeperSteps(state: State, index: JobIndex, world: World): Step[] {
  const job = jobAt(state, index);
  const name = JOB_NAMES[index];
  const steps: Step[] = [];
  const isHeld = state.workers.some((attempt) => attempt?.request.job === index && attempt.hasLock);
  if (job.status === 'active' && !isHeld && job.lockedUntil < 0) {
    steps.push(progress(`${name} has stalled and waits again`, withJob(state, index, { status: 'waiting' })));
  }
  if (job.status === 'delayed' && job.dueAt <= 0) {
    steps.push(progress(`${name} is due`, withJob(state, index, { status: 'waiting' })));
  }
  if (world.scenario.settler !== false && job.status === 'completed' && job.mark === '' && maySettle(job, world)) {
    steps.push(progress(`${name} is settled`, settled(state, index, world)));
  }
  if (world.scenario.janitor === true && job.status === 'failed' && isToBeRemoved(job, world)) {
    const next = withJob(state, index, { status: 'removed' });
    steps.push(progress(`${name} is removed by age`, { ...next, isRemovedEarly: -job.endedAt < FAILED_KEPT }));
  }
  return steps;
}

function maySettle({ result }: Job, { rules }: World): boolean {
  return isOwnText(result) || rules.believed === 'any' || rules.settlingCuts === 'what others completed too';
}

/** Marks a completed job, and cuts the life of its receipt, unless it may be put back anew. */
function settled(state: State, index: JobIndex, world: World): State {
  const { result } = jobAt(state, index);
  const marked = withJob(state, index, { mark: result });
  const name = receiptName(index, world);
  const receipt = state.receipts[name];
  const mayBeCut = index < 2 || world.rules.settlingCuts === 'put-back jobs too';
  if (receipt === undefined || !mayBeCut) {
    return marked;
  }
  return {
    ...marked,
    receipts: replaced(state.receipts, name, {
      ...receipt,
      expiresAt: receiptsLiveFrom(state, world) + SETTLED_RECEIPT,
    }),
  };
}

/** The age of a failed job: by Redis' time, or as told by the clocks of the worker that failed it and of another. */
function isToBeRemoved({ endedAt }: Job, { rules, scenario }: World): boolean {
  const off = rules.removedBy === "Redis' time" ? 0 : (scenario.workerClock ?? 0);
  return off - endedAt >= FAILED_KEPT;
}

/** What operators, callers and other services do with a job. */
export function jobEventSteps(state: State, index: JobIndex, world: World): Step[] {
  const job = jobAt(state, index);
  const name = JOB_NAMES[index];
  const hasEnded = job.status === 'completed' || job.status === 'failed';
  const isWaiting = job.status === 'waiting' || job.status === 'delayed';
  const steps: Step[] = [];
  const add = (text: string, name: Parameters<typeof happened>[1], change: Partial<Job>) => {
    steps.push(event(text, withJob(happened(state, name), index, change)));
  };
  if (hasEnded && mayHappen(state, 'retry')) {
    add(`an operator retries ${name}`, 'retry', { status: 'waiting', result: '', started: 0, failures: 0 });
  }
  const mayLinger = job.lateAdd !== undefined && world.rules.endedJobs === 'kept while an add may linger';
  if ((hasEnded || isWaiting) && !mayLinger && mayHappen(state, 'remove')) {
    add(`an operator removes ${name}`, 'remove', { status: 'removed', result: '', mark: '', started: 0, failures: 0 });
  }
  if (job.status === 'delayed' && mayHappen(state, 'promote')) {
    add(`an operator promotes ${name}`, 'promote', { status: 'waiting' });
  }
  if (job.status === 'waiting' && mayHappen(state, 'foreign worker')) {
    const text = `a foreign worker takes ${name} and`;
    add(`${text} completes it with "7"`, 'foreign worker', { status: 'completed', result: '7', started: 2 });
    add(`${text} fails it with "OOM: words"`, 'foreign worker', { status: 'failed', result: 'OOM: words', started: 2 });
  }
  if (job.updates.length > 1 && isWaiting && mayHappen(state, 'edit')) {
    add(`someone swaps the updates of ${name}`, 'edit', { updates: job.updates.split('').reverse().join('') });
  }
  if (isWaiting && index < 2 && job.updates.length === 1 && mayHappen(state, 'cancel')) {
    steps.push(cancel(state, index, world));
  }
  return steps;
}

/** Takes a job back that has not begun: whoever writes its receipt first wins. */
function cancel(before: State, index: JobIndex, world: World): Step {
  const sent = withJob(happened(before, 'cancel'), index, { status: 'waiting', isCancelled: true });
  const name = receiptName(index, world);
  const { keyed } = jobAt(before, index);
  const looksForKey = keyed && world.rules.cancelLooksFor === 'both receipts';
  const isKeyUsed = looksForKey && keyReceiptOf(before, index, world) !== undefined;
  const isTooLate = sent.receipts[name] !== undefined || isKeyUsed;
  const state = isTooLate ? happened(before, 'cancel') : sent;
  const { updates } = jobAt(state, index);
  const text = `${JOB_NAMES[index]} is ${isTooLate ? 'not cancellable' : 'cancelled'}`;
  if (isTooLate) {
    return event(text, state);
  }
  const cancelled = withReceipt(state, name, outcomesText(updates, CANCELLED), world);
  return event(text, withCancelledKey(cancelled, index, world));
}

/** What happens to the whole: the cause of failures goes, the clock is noted, or steps. */
export function worldSteps(state: State, { rules, scenario }: World): Step[] {
  const steps: Step[] = [];
  if (state.broken !== '' && mayHappen(state, 'heal')) {
    steps.push(event('the cause of the failure goes', { ...happened(state, 'heal'), broken: '' }));
  }
  const clock = state.clock ?? 0;
  if (rules.clock === 'raised' && clock < 0) {
    steps.push(progress("a worker notes Redis' time", raise(state, { rules, scenario })));
  }
  if (mayHappen(state, 'clock forward')) {
    steps.push(event("Redis' clock steps forward", shifted(happened(state, 'clock forward'), CLOCK_STEP)));
  }
  const isNoted = clock >= -CLOCK_TOLERANCE || rules.clock === 'not raised' || scenario.unnotedSteps === true;
  if (mayHappen(state, 'clock back') && isNoted) {
    steps.push(event("Redis' clock steps back", shifted(happened(state, 'clock back'), -CLOCK_STEP)));
  }
  return steps;
}
