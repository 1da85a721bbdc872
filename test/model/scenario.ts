import type { Rules } from './rules.js';

/** Things that go wrong, or that somebody does. A run has as many of each as its scenario allows. */
export const EVENTS = [
  'heal',
  'lose connection',
  'refuse',
  'crash',
  'pause',
  'retry',
  'remove',
  'promote',
  'cancel',
  'foreign worker',
  'edit',
  'clock forward',
  'clock back',
  'lose add',
  'refuse add',
] as const;
export type Event = (typeof EVENTS)[number];

/** A job as its producer sends it. */
export interface PlannedJob {
  /** The updates of the job by their numbers: two make a batch, whose failed updates are put back. */
  readonly updates: '0' | '01' | '2';
  /** Whether updates 0 and 2 carry the idempotency key; update 1 never does. */
  readonly keyed: boolean;
  readonly window?: number;
  readonly delay?: number;
  /** Of the key's receipt, where that is named by it. */
  readonly partition?: 0 | 1;
}

/** What an exploration begins with, and what may happen in it. */
export interface Scenario {
  readonly jobs: readonly PlannedJob[];
  readonly events: Partial<Record<Event, number>>;
  /** The updates that can't be applied, such as to a cell of another type, until that is healed. */
  readonly broken?: '0' | '01';
  /** Attempts until a job fails for good. */
  readonly attempts?: number;
  /** What clocks add to the time: that of the producer of the first job, and those of all workers. */
  readonly producerClock?: number;
  readonly workerClock?: number;
  /** The second worker can't run update 0: its schema is stricter. */
  readonly strictWorker?: boolean;
  /** The second worker is older than the form of the jobs. */
  readonly olderWorker?: boolean;
  /** How many workers there are, unless two. */
  readonly workers?: 1;
  /** The settler stands still, where it makes no difference. */
  readonly settler?: false;
  /** Others may come between the stamp and the look-up, which go in one pipeline in a Cluster. */
  readonly splitPipeline?: boolean;
  /** A janitor removes failed jobs by age. */
  readonly janitor?: boolean;
  /** A step forward of the clock may be taken back before anyone has noted it: excluded from what is promised. */
  readonly unnotedSteps?: boolean;
  /** Time passes only where all wait for it: nobody is slow. */
  readonly patient?: boolean;
  /** What has ended must have ended well: nothing that happens here may keep an update from being applied. */
  readonly endsWell?: boolean;
}

/** What all steps need to know. */
export interface World {
  readonly rules: Rules;
  readonly scenario: Scenario;
}
