import { isForgotten } from '../clock.js';
import type { World } from '../scenario.js';
import { digestOf, FAILED, LEASE_EXPIRED, OUT_OF_MEMORY, parseOutcomes, UNKNOWN } from '../script.js';
import type { Attempt, Job, JobIndex, State } from '../state.js';
import { JOB_NAMES, jobAt, withJob, withWorker } from '../state.js';
import type { Step } from '../step.js';
import { progress } from '../step.js';

/** How an attempt ends whose answer is there. */
export function endSteps(state: State, worker: 0 | 1, attempt: Attempt, world: World): Step[] {
  const { answer, hasLock, request } = attempt;
  if (answer === OUT_OF_MEMORY || answer === LEASE_EXPIRED) {
    return [hasLock ? retry(state, worker, attempt, world) : giveUp(state, worker, request.job)];
  }
  const { outcomes } = parseOutcomes(answer);
  if (outcomes.length > 1) {
    return [endBatch(state, worker, attempt, world)];
  }
  return hasLock ? [endSingle(state, worker, attempt, outcomes)] : [giveUp(state, worker, request.job)];
}

function giveUp(state: State, worker: 0 | 1, job: JobIndex): Step {
  const next = withWorker(state, worker, undefined);
  return progress(`worker ${worker + 1} finds that ${JOB_NAMES[job]} is not its own any more`, next);
}

function retry(state: State, worker: 0 | 1, { request: { job: index } }: Attempt, world: World): Step {
  const job = jobAt(state, index);
  const failures = job.failures + 1;
  const isLast = failures >= (world.scenario.attempts ?? 2);
  const result = isForgotten(state, job, world) ? 'unknown' : 'failed';
  const change: Partial<Job> = isLast ? { status: 'failed', result, endedAt: 0 } : { status: 'waiting' };
  const text = `${JOB_NAMES[index]} ${isLast ? `fails for good: ${result}` : 'is to be retried'}`;
  return progress(text, withWorker(withJob(state, index, { ...change, failures }), worker, undefined));
}

function endSingle(state: State, worker: 0 | 1, { request, answer }: Attempt, outcome: string): Step {
  const isFailed = outcome === FAILED || outcome === UNKNOWN;
  const failure = outcome === FAILED ? 'failed' : 'unknown';
  const name = JOB_NAMES[request.job];
  const change: Partial<Job> = isFailed
    ? { status: 'failed', result: failure, endedAt: 0 }
    : { status: 'completed', result: answer };
  const text = isFailed ? `${name} fails for good: ${failure}` : `${name} completes`;
  return progress(text, withWorker(withJob(state, request.job, change), worker, undefined));
}

/** Its failed updates become jobs of their own, and then it completes. */
function endBatch(state: State, worker: 0 | 1, attempt: Attempt, world: World): Step {
  const { request, answer, hasLock, hasPutBack } = attempt;
  const { digest, outcomes } = parseOutcomes(answer);
  const name = JOB_NAMES[request.job];
  const isEdited = world.rules.outcomes === 'with digest' && digest !== digestOf(request.updates);
  const mayPutBack = /[?*]/.test(outcomes) && !isEdited && !hasPutBack;
  if (mayPutBack) {
    const next = withPutBack(state, attempt, outcomes, world);
    const text = `worker ${worker + 1} puts back what failed of ${name}`;
    return progress(text, withWorker(next, worker, { ...attempt, hasPutBack: true }));
  }
  if (!hasLock) {
    return giveUp(state, worker, request.job);
  }
  const completed = withJob(state, request.job, { status: 'completed', result: answer });
  return progress(`${name} completes`, withWorker(completed, worker, undefined));
}

/** BullMQ does nothing for an id that it has. */
function withPutBack(state: State, { request }: Attempt, outcomes: string, { rules, scenario }: World): State {
  const batch = jobAt(state, request.job);
  const putBack: Partial<Job> = {
    status: 'waiting',
    keyed: batch.keyed && rules.putBackKey === 'kept',
    window: batch.window,
    stamp: rules.putBackStamp === 'that of the batch' ? batch.stamp : (scenario.workerClock ?? 0),
    sentAt: batch.sentAt,
    isNewUse: batch.isNewUse,
    started: 0,
    failures: 0,
    result: '',
    mark: '',
  };
  let next = state;
  for (const place of [0, 1] as const) {
    const index = place === 0 ? 2 : 3;
    const { status } = jobAt(state, index);
    const outcome = outcomes[place];
    if ((outcome === FAILED || outcome === UNKNOWN) && (status === 'absent' || status === 'removed')) {
      next = withJob(next, index, { ...putBack, updates: request.updates[place] ?? '' });
    }
  }
  return next;
}
