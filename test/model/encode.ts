import type { World } from './scenario.js';
import type { Attempt, Job, KeyReceipt, Request, State } from './state.js';
import { mayHappen, STATUSES } from './state.js';

/** A short text that is the same for states that are the same. Workers that can do the same may change places. */
export function encode(state: State, { scenario }: World): string {
  let code = '';
  for (const job of state.jobs) {
    code += `${isOver(state, job) ? encodeEnded(job) : encodeJob(job)}|`;
  }
  const [first, second] = [encodeAttempt(state.workers[0]), encodeAttempt(state.workers[1])];
  const areAlike = scenario.strictWorker !== true && scenario.olderWorker !== true;
  code += areAlike && first > second ? `${second}|${first}|` : `${first}|${second}|`;
  if (state.late.length > 0) {
    code += state.late.map(encodeRequest).sort().join('|');
  }
  for (const receipt of state.receipts) {
    code += receipt === undefined ? '|' : `|${short(receipt.outcomes)}${receipt.expiresAt}`;
  }
  const [key, keyOfPartition] = state.keyReceipts;
  code += `|${encodeKey(key)},${encodeKey(keyOfPartition)},${state.keyPromised ?? ''}${state.isKeyCancelled ? 'c' : ''}`;
  code += `|${state.clock ?? ''},${state.announced},${state.broken}|`;
  for (const number of [...state.effects, ...state.left]) {
    code += String(number);
  }
  return code;
}

function encodeKey(receipt: KeyReceipt | undefined): string {
  return receipt === undefined ? '' : `${receipt.expiresAt}${receipt.isCancelled ? 'c' : ''}`;
}

/** Outcomes without what all of them begin with. */
function short(text: string): string {
  return text.replace('tally/2 ', 't');
}

/** Jobs are the greater part of a state, and most steps change none or one of them. */
const codes = new WeakMap<Job, string>();

function encodeJob(job: Job): string {
  let code = codes.get(job);
  if (code === undefined) {
    const times = `${job.stamp},${job.sentAt},${job.dueAt},${job.lockedUntil},${job.endedAt},${job.lateAdd ?? ''}`;
    const counts = `${job.started}${job.failures}${job.keyed ? 1 : 0}${job.isNewUse ? 1 : 0}${job.isCancelled ? 1 : 0}${job.acceptance === 'open' ? '' : job.acceptance}`;
    code =
      job.status === 'absent'
        ? ''
        : `${STATUSES.indexOf(job.status)},${times},${counts},${job.updates},${short(job.result)},${short(job.mark)}`;
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
  return `${STATUSES.indexOf(status)},${endedAt},${updates},${short(result)},${short(mark)}${keyed ? 1 : 0}`;
}

function encodeAttempt(attempt: Attempt | undefined): string {
  if (attempt === undefined) {
    return '';
  }
  const { request, answer, hasLostConnection, hasLock, hasPutBack } = attempt;
  return `${encodeRequest(request)}${short(answer)}${hasLostConnection ? 1 : 0}${hasLock ? 1 : 0}${hasPutBack ? 1 : 0}`;
}

function encodeRequest({ job, updates, lease, clockLease, isFirstRun, impossible }: Request): string {
  return `${job}.${updates}.${lease}.${clockLease}.${isFirstRun ? 1 : 0}${impossible}`;
}
