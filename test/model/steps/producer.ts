import { logicalTime, raiseWhereAhead } from '../clock.js';
import type { World } from '../scenario.js';
import { keyReceiptOf } from '../script.js';
import type { Job, JobIndex, State } from '../state.js';
import { happened, JOB_NAMES, jobAt, mayHappen, withJob } from '../state.js';
import type { Step } from '../step.js';
import { event, progress } from '../step.js';
import { CLOCK_TOLERANCE, LEASE } from '../times.js';

/** Submitting a job: the stamp and the look-up of its key, at one moment or in one pipeline in this order, and then the add. */
export function producerSteps(state: State, index: 0 | 1, world: World): Step[] {
  const job = jobAt(state, index);
  switch (job.status) {
    case 'unsent':
      return firstSteps(state, index, world);
    case 'stamped':
      return [lookUp(state, index, 'ready', world)];
    case 'looked up':
      return [stamp(state, index, 'ready', world)];
    case 'ready':
      return job.acceptance === 'open' ? addSteps(state, index, world) : lateAdd(state, index, world);
    default:
      return lateAdd(state, index, world);
  }
}

function firstSteps(state: State, index: 0 | 1, world: World): Step[] {
  const { keyed, delay, window } = jobAt(state, index);
  if (!keyed) {
    return [stamp(state, index, 'ready', world)];
  }
  if (delay > window && world.rules.age === 'stamp') {
    return []; // refused: it could never be applied
  }
  const sent = withJob(state, index, { isNewUse: isPromiseOver(state, world) });
  if (world.rules.stampTaken === 'after the look-up') {
    return [lookUp(sent, index, 'looked up', world)];
  }
  const stamped = stamp(sent, index, 'stamped', world);
  return [
    world.scenario.splitPipeline === true ? stamped : joined(stamped, lookUp(stamped.next, index, 'ready', world)),
  ];
}

function joined(first: Step, second: Step): Step {
  return { ...second, text: `${first.text}, and ${second.text}` };
}

function isPromiseOver(state: State, world: World): boolean {
  return state.keyPromised !== undefined && logicalTime(state, world) > state.keyPromised;
}

function stamp(before: State, index: 0 | 1, status: 'stamped' | 'ready', world: World): Step {
  const { rules, scenario } = world;
  const state = raiseWhereAhead(before, world);
  const { window } = jobAt(state, index);
  const producerTime = index === 0 ? (scenario.producerClock ?? 0) : 0;
  const isByProducer = rules.stampFrom === 'the producer' || rules.age === 'timestamp and delay';
  const job = { status, stamp: isByProducer ? producerTime : logicalTime(state, world), sentAt: 0 };
  const next = { ...withJob(state, index, job), announced: Math.max(state.announced, window) };
  return progress(`${JOB_NAMES[index]} is stamped`, next);
}

function lookUp(state: State, index: 0 | 1, status: 'looked up' | 'ready', world: World): Step {
  const { stamp: stampedAt } = jobAt(state, index);
  const isStampOld = status === 'ready' && logicalTime(state, world) > stampedAt + CLOCK_TOLERANCE;
  if (isStampOld && world.rules.lookUp === 'soon after the stamp' && world.rules.stampFrom === 'Redis') {
    const unsent = withJob(state, index, { status: 'unsent', stamp: 0, sentAt: 0 });
    return progress(`the stamp of ${JOB_NAMES[index]} is too old to be used`, unsent);
  }
  const found = keyReceiptOf(state, index, world);
  const isFound = found !== undefined;
  const what = isFound ? 'is found: its caller has the outcome, and it is not added' : 'is looked up: not found';
  return progress(
    `the key of ${JOB_NAMES[index]} ${what}`,
    withJob(state, index, isFound ? { status: 'answered', isCancelled: found.isCancelled } : { status }),
  );
}

function addSteps(state: State, index: 0 | 1, world: World): Step[] {
  const job = jobAt(state, index);
  const name = JOB_NAMES[index];
  const steps = [progress(`${name} is added`, added(state, index)), ...lateAdd(state, index, world)];
  if (mayHappen(state, 'lose add')) {
    const next = withJob(happened(state, 'lose add'), index, { lateAdd: LEASE });
    steps.push(event(`the connection is lost while the add of ${name} is under way, and it is sent again`, next));
  }
  if (mayHappen(state, 'refuse add')) {
    const isKnown = job.lateAdd === undefined || world.rules.refusedAfterLoss === 'not accepted';
    const acceptance = isKnown ? 'not accepted' : 'unknown';
    const next = withJob(happened(state, 'refuse add'), index, { acceptance });
    steps.push(event(`Redis refuses the add of ${name}: its caller is told "${acceptance}"`, next));
  }
  return steps;
}

/** The first send arrives after all. BullMQ does nothing with it where there is a job of this id. */
function lateAdd(state: State, index: 0 | 1, _world: World): Step[] {
  const { status, lateAdd: until } = jobAt(state, index);
  if (until === undefined) {
    return [];
  }
  const isNew = status === 'ready' || status === 'removed';
  const next = withJob(isNew ? added(state, index) : state, index, { lateAdd: undefined });
  return isNew ? [event(`the first add of ${JOB_NAMES[index]} arrives late`, next)] : [];
}

function added(state: State, index: JobIndex): State {
  const { delay } = jobAt(state, index);
  const fresh: Partial<Job> = { started: 0, failures: 0, result: '', mark: '' };
  return withJob(state, index, { ...fresh, status: delay > 0 ? 'delayed' : 'waiting', dueAt: delay });
}
