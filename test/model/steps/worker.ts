import { isForgotten, logicalTime, raiseToEndLeases } from '../clock.js';
import type { World } from '../scenario.js';
import {
  isOwnText,
  isWithinLease,
  LEASE_EXPIRED,
  OUT_OF_MEMORY,
  receiptName,
  runScript,
  inWords,
  parseOutcomes,
} from '../script.js';
import type { Attempt, JobIndex, Request, State } from '../state.js';
import { happened, JOB_NAMES, jobAt, mayHappen, withJob, withWorker } from '../state.js';
import type { Step } from '../step.js';
import { event, progress } from '../step.js';
import { LEASE } from '../times.js';
import { endSteps } from './ending.js';

const ALL_JOBS: readonly JobIndex[] = [0, 1, 2, 3];

export function workerSteps(state: State, worker: 0 | 1, world: World): Step[] {
  const attempt = state.workers[worker];
  if (attempt === undefined) {
    return ALL_JOBS.flatMap((job) => (jobAt(state, job).status === 'waiting' ? take(state, worker, job, world) : []));
  }
  const steps =
    attempt.answer === '' ? sendSteps(state, worker, attempt, world) : answered(state, worker, attempt, world);
  if (mayHappen(state, 'crash')) {
    steps.push(crash(state, worker, attempt));
  }
  if (mayHappen(state, 'pause') && attempt.hasLock && attempt.request.lease < 0) {
    const next = withWorker(state, worker, { ...attempt, hasLock: false });
    const paused = withJob(happened(next, 'pause'), attempt.request.job, { status: 'waiting' });
    steps.push(event(`worker ${worker + 1} stands still: ${JOB_NAMES[attempt.request.job]} waits again`, paused));
  }
  return steps;
}

function take(before: State, worker: 0 | 1, index: JobIndex, world: World): Step[] {
  const { rules, scenario } = world;
  const job = jobAt(before, index);
  const text = `worker ${worker + 1} takes ${JOB_NAMES[index]}`;
  if (scenario.olderWorker === true && worker === 1) {
    const failed = withJob(before, index, { status: 'failed', result: 'failed', endedAt: 0 });
    return rules.newerForm === 'failed' ? [progress(`${text}, whose form it does not know, and fails it`, failed)] : [];
  }
  const isFirstRun = job.started === 0;
  const state = isFirstRun ? before : raiseToEndLeases(before, world);
  const isStrict = scenario.strictWorker === true && worker === 1 && job.updates.includes('0');
  if (isStrict && rules.impossibleUpdate === 'fails its batch') {
    return [
      progress(
        `${text}, can't run one update and fails all`,
        withJob(state, index, { status: 'failed', result: 'failed', endedAt: 0 }),
      ),
    ];
  }
  const request: Request = {
    job: index,
    updates: job.updates,
    isFirstRun,
    impossible: isStrict ? '0' : '',
    lease: LEASE,
    clockLease: logicalTime(state, world) + LEASE,
  };
  const isMarkBelieved = job.mark !== '' && (isOwnText(job.mark) || rules.believed === 'any');
  const attempt: Attempt = {
    request,
    answer: isMarkBelieved ? job.mark : '',
    hasLostConnection: false,
    hasLock: true,
    hasPutBack: false,
  };
  const active = withJob(state, index, { status: 'active', started: Math.min(2, job.started + 1), lockedUntil: LEASE });
  return [progress(isMarkBelieved ? `${text}, which is marked as settled` : text, withWorker(active, worker, attempt))];
}

/** The request is under way. */
function sendSteps(state: State, worker: 0 | 1, attempt: Attempt, world: World): Step[] {
  const { request } = attempt;
  const name = JOB_NAMES[request.job];
  const { next, answer } = runScript(state, request, world);
  const steps = [
    progress(`the script runs for ${name}: ${inWords(answer)}`, withWorker(next, worker, { ...attempt, answer })),
    ...putBackEarly(state, worker, attempt, world),
  ];
  if (mayHappen(state, 'lose connection')) {
    const lost = withWorker(happened(state, 'lose connection'), worker, { ...attempt, hasLostConnection: true });
    const text = `the connection is lost while the request for ${name} is under way, and it is sent again`;
    steps.push(event(text, { ...lost, late: [...lost.late, request] }));
  }
  const receipt = receiptName(request.job, world);
  const writes = state.receipts[receipt] === undefined && next.receipts[receipt] !== undefined;
  if (mayHappen(state, 'refuse') && writes) {
    const refused = withWorker(happened(state, 'refuse'), worker, { ...attempt, answer: OUT_OF_MEMORY });
    steps.push(event(`Redis refuses the script for ${name}: ${OUT_OF_MEMORY}`, refused));
  }
  return steps;
}

/** The mutation that puts an update back which a worker can't run before the batch's receipt says so. */
function putBackEarly(state: State, worker: 0 | 1, attempt: Attempt, world: World): Step[] {
  const { request, hasPutBack } = attempt;
  if (world.rules.putBack === 'after the receipt' || hasPutBack || request.impossible === '') {
    return [];
  }
  const job = jobAt(state, request.job);
  const next = withJob(withWorker(state, worker, { ...attempt, hasPutBack: true }), 2, {
    status: 'waiting',
    updates: '0',
    keyed: job.keyed,
    window: job.window,
    stamp: job.stamp,
    sentAt: job.sentAt,
  });
  return [progress(`worker ${worker + 1} puts ${JOB_NAMES[2]} back`, next)];
}

function crash(state: State, worker: 0 | 1, { request, answer }: Attempt): Step {
  const next = withWorker(happened(state, 'crash'), worker, undefined);
  const late = answer === '' ? [...next.late, request] : next.late;
  return event(`worker ${worker + 1} dies`, { ...next, late });
}

function answered(state: State, worker: 0 | 1, attempt: Attempt, world: World): Step[] {
  const { answer, request, hasLostConnection } = attempt;
  const hasNoReceipt = answer === OUT_OF_MEMORY || /^[?*]$/.test(parseOutcomes(answer).outcomes);
  if (!hasLostConnection || !hasNoReceipt || world.rules.lateRequest === 'not waited for') {
    return endSteps(state, worker, attempt, world);
  }
  // An earlier request may still arrive: nothing is told before it can't any more.
  if (isWithinLease(state, request, world)) {
    return [];
  }
  const receipt = state.receipts[receiptName(request.job, world)];
  const unfound = isForgotten(state, jobAt(state, request.job), world) ? LEASE_EXPIRED : answer;
  const known = { ...attempt, hasLostConnection: false, answer: receipt?.outcomes ?? unfound };
  const text = `the lease of ${JOB_NAMES[request.job]} is over, its receipt is ${receipt ? 'found' : 'not there'}`;
  return [progress(text, withWorker(raiseToEndLeases(state, world), worker, known))];
}

/** A request arrives whose connection was lost. */
export function lateRequestSteps(state: State, world: World): Step[] {
  return state.late.map((request, place) => {
    const { next, answer } = runScript(state, request, world);
    const late = state.late.filter((_, index) => index !== place);
    return event(`the late request for ${JOB_NAMES[request.job]} arrives: ${inWords(answer)}`, { ...next, late });
  });
}
