import type { World } from './scenario.js';
import type { Attempt, Job, Request, State } from './state.js';
import { mayHappen, STATUSES } from './state.js';

/** A short text that is the same for states that are the same. Workers that can do the same may change places. */
export function encode(state: State, { scenario }: World): string {
  const workers = state.workers.map(encodeAttempt);
  if (scenario.strictWorker !== true && scenario.olderWorker !== true) {
    workers.sort();
  }
  return [
    state.jobs.map((job) => (isOver(state, job) ? encodeEnded(job) : encodeJob(job))).join('|'),
    workers.join('|'),
    state.late.map(encodeRequest).sort().join('|'),
    state.receipts.map((receipt) => (receipt ? `${receipt.outcomes.slice(8)}${receipt.expiresAt}` : '')).join('|'),
    state.keyReceipts.map((receipt) => receipt?.expiresAt ?? '').join('|'),
    `${state.clock} ${state.announced} ${state.keyPromised ?? ''}`,
    `${state.effects.join('')} ${state.left.join('')} ${state.broken}`,
  ].join('/');
}

/** Jobs are the greater part of a state, and most steps change none or one of them. */
const codes = new WeakMap<Job, string>();

function encodeJob(job: Job): string {
  let code = codes.get(job);
  if (code === undefined) {
    const times = `${job.stamp},${job.sentAt},${job.dueAt},${job.lockedUntil},${job.endedAt},${job.lateAdd ?? ''}`;
    const counts = `${job.started}${job.failures}${job.keyed ? 1 : 0}${job.isNewUse ? 1 : 0}${job.isCancelled ? 1 : 0}${job.acceptance}`;
    code =
      job.status === 'absent'
        ? ''
        : `${STATUSES.indexOf(job.status)},${times},${counts},${job.updates},${job.result},${job.mark}`;
    codes.set(job, code);
  }
  return code;
}

/** Whether the times of a job make no difference any more. */
function isOver(state: State, { status, lateAdd }: Job): boolean {
  const mayRunAgain =
    mayHappen(state, 'retry') || lateAdd !== undefined || state.workers.some((it) => it?.hasLock === false);
  return (status === 'completed' || status === 'failed' || status === 'removed') && !mayRunAgain;
}

function encodeEnded({ status, endedAt, updates, result, mark, keyed }: Job): string {
  return `${STATUSES.indexOf(status)},${endedAt},${updates},${result},${mark}${keyed ? 1 : 0}`;
}

function encodeAttempt(attempt: Attempt | undefined): string {
  if (attempt === undefined) {
    return '';
  }
  const { request, answer, hasLostConnection, hasLock, hasPutBack } = attempt;
  return `${encodeRequest(request)}${answer}${hasLostConnection ? 1 : 0}${hasLock ? 1 : 0}${hasPutBack ? 1 : 0}`;
}

function encodeRequest({ job, updates, lease, clockLease, isFirstRun, impossible }: Request): string {
  return `${job}.${updates}.${lease}.${clockLease}.${isFirstRun ? 1 : 0}${impossible}`;
}
