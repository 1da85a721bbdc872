import type { World } from './scenario.js';
import type { Attempt, Job, Request, State } from './state.js';
import { STATUSES } from './state.js';

/** A short text that is the same for states that are the same. Workers that can do the same may change places. */
export function encode(state: State, { scenario }: World): string {
  const workers = state.workers.map(encodeAttempt);
  if (scenario.strictWorker !== true && scenario.olderWorker !== true) {
    workers.sort();
  }
  return [
    state.jobs.map(encodeJob).join('|'),
    workers.join('|'),
    state.late.map(encodeRequest).sort().join('|'),
    state.receipts.map((receipt) => (receipt ? `${receipt.outcomes.slice(8)}${receipt.expiresAt}` : '')).join('|'),
    state.keyReceipts.map((receipt) => receipt?.expiresAt ?? '').join('|'),
    `${state.clock} ${state.announced} ${state.keyPromised ?? ''}`,
    `${state.effects.join('')} ${state.left.join('')} ${state.broken}`,
  ].join('/');
}

function encodeJob(job: Job): string {
  if (job.status === 'absent') {
    return '';
  }
  const times = `${job.stamp},${job.sentAt},${job.dueAt},${job.lockedUntil},${job.endedAt},${job.lateAdd ?? ''}`;
  const counts = `${job.started}${job.failures}${job.keyed ? 1 : 0}${job.isNewUse ? 1 : 0}${job.acceptance}`;
  return `${STATUSES.indexOf(job.status)},${times},${counts},${job.updates},${job.result},${job.mark}`;
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
