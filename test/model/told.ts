import type { World } from './scenario.js';
import {
  APPLIED,
  CANCELLED,
  CANCELLED_BEFORE,
  digestOf,
  DUPLICATE,
  FAILED,
  isOwnText,
  parseOutcomes,
  receiptName,
} from './script.js';
import type { Job, JobIndex, State } from './state.js';
import { jobAt } from './state.js';

/** What everyone is told who asks for an update now. */
export type Told =
  | 'nothing yet'
  | 'not accepted'
  | 'applied'
  | 'duplicate'
  | 'cancelled'
  | 'failed' // strictly: not applied
  | 'unknown';

/** Updates are known by their job and their place in it, whatever carries them now. */
export const PLACES: readonly (readonly [job: 0 | 1, place: 0 | 1])[] = [
  [0, 0],
  [0, 1],
  [1, 0],
];

export function toldOf(state: State, index: JobIndex, place: number, world: World): Told {
  const job = jobAt(state, index);
  if (job.acceptance === 'not accepted') {
    return 'not accepted';
  }
  switch (job.status) {
    case 'answered':
      return job.isCancelled ? 'cancelled' : 'duplicate';
    case 'completed':
      return toldOfCompleted(state, index, place, world);
    case 'failed':
      return toldOfFailed(job, world);
    case 'removed':
      return toldOfReceipt(state, index, place, world);
    default:
      return job.isCancelled ? 'cancelled' : 'nothing yet';
  }
}

function toldOfCompleted(state: State, index: JobIndex, place: number, world: World): Told {
  const job = jobAt(state, index);
  if (!isOwnText(job.result)) {
    return world.rules.believed === 'any' ? 'applied' : 'unknown';
  }
  return toldOfText(state, index, place, job.result, world);
}

function toldOfFailed({ result }: Job, { rules }: World): Told {
  if (result === 'failed' || result === 'unknown') {
    return result;
  }
  return rules.believed === 'any' ? 'failed' : 'unknown';
}

function toldOfReceipt(state: State, index: JobIndex, place: number, world: World): Told {
  const receipt = state.receipts[receiptName(index, world)];
  return receipt === undefined ? 'unknown' : toldOfText(state, index, place, receipt.outcomes, world);
}

function toldOfText(state: State, index: JobIndex, place: number, text: string, world: World): Told {
  const { digest, outcomes } = parseOutcomes(text);
  const job = jobAt(state, index);
  if (world.rules.outcomes === 'with digest' && digest !== digestOf(job.updates)) {
    return 'unknown'; // someone has edited the job
  }
  const outcome = outcomes[place];
  switch (outcome) {
    case APPLIED:
      return 'applied';
    case DUPLICATE:
      return 'duplicate';
    case CANCELLED:
    case CANCELLED_BEFORE:
      return 'cancelled';
    default:
      return job.updates.length > 1 ? toldOfPutBack(state, place, outcome, world) : 'unknown';
  }
}

/** What an update came to that its batch has put back. */
function toldOfPutBack(state: State, place: number, outcome: string | undefined, world: World): Told {
  const putBack = place === 0 ? 2 : 3;
  const { status } = jobAt(state, putBack);
  if (status === 'removed' && world.rules.removedPutBack === 'the batch') {
    return outcome === FAILED ? 'failed' : 'unknown';
  }
  return status === 'absent' ? 'unknown' : toldOf(state, putBack, 0, world);
}
