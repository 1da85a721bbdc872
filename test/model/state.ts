import { CLOCK_STEP, CLOCK_TOLERANCE, FAILED_KEPT, FORGOTTEN } from './times.js';
import { EVENTS } from './scenario.js';
import type { Event, Scenario } from './scenario.js';

/**
 * A state of producers, Redis and workers. All times are relative to Redis' time, which is always 0: so states that
 * differ only in when they were reached are one.
 */
export interface State {
  /** The latest Redis time announced; undefined where no clock steps, as it makes no difference then. */
  readonly clock: number | undefined;
  /** The largest window announced. */
  readonly announced: number;
  /** The two jobs that are sent, and those that put back the first and the second update of the first. */
  readonly jobs: readonly Job[];
  /** By the name of the receipt. */
  readonly receipts: readonly (Receipt | undefined)[];
  readonly keyReceipts: readonly (KeyReceipt | undefined)[];
  readonly workers: readonly [Attempt | undefined, Attempt | undefined];
  /** Requests whose connection was lost, and which may still arrive. */
  readonly late: readonly Request[];
  /** How often each update was applied. */
  readonly effects: readonly number[];
  /** Until then nobody may apply the key again; and whether it was not applied until now, but taken back. */
  readonly keyPromised: number | undefined;
  readonly isKeyCancelled: boolean;
  readonly isKeyDoubled: boolean;
  /** The key was applied and taken back, both within the time that it is remembered. */
  readonly isKeyTornApart: boolean;
  readonly isRefusedEarly: boolean;
  readonly isRemovedEarly: boolean;
  readonly broken: string;
  /** How often each event may still happen. */
  readonly left: readonly number[];
}

export const JOB_NAMES = ['A', 'B', 'A:0', 'A:1'] as const;
export type JobIndex = 0 | 1 | 2 | 3;

export const STATUSES = [
  'unsent',
  'stamped',
  'looked up',
  'ready', // stamped and looked up, in this order or the other
  'answered', // a duplicate, known at submit
  'absent', // a job that has not been put back
  'delayed',
  'waiting',
  'active',
  'completed',
  'failed',
  'removed',
] as const;
type Status = (typeof STATUSES)[number];

/** What the producer told its caller while Redis did not take the job. */
type Acceptance = 'open' | 'not accepted' | 'unknown';

export interface Job {
  readonly status: Status;
  /** The numbers of its updates, as its data hold them. */
  readonly updates: string;
  readonly keyed: boolean;
  readonly window: number;
  readonly delay: number;
  /** The time that its data carry, or BullMQ's timestamp where that is what counts; and when that really was. */
  readonly stamp: number;
  readonly sentAt: number;
  readonly dueAt: number;
  /** The end of its lock, which the worker renews while it lives. */
  readonly lockedUntil: number;
  /** BullMQ's counters of attempts; from 2 on it does not matter how many. */
  readonly started: number;
  readonly failures: number;
  /** Outcomes with what they answered for, 'failed', 'unknown', or what a foreign worker left. */
  readonly result: string;
  readonly mark: string;
  readonly endedAt: number;
  /** An add that lingers may arrive until then. */
  readonly lateAdd: number | undefined;
  readonly acceptance: Acceptance;
  /** Its caller was told so. */
  readonly isCancelled: boolean;
  /** It was sent when the promise of the key was over: it may be applied again. */
  readonly isNewUse: boolean;
}

interface Receipt {
  readonly outcomes: string;
  readonly expiresAt: number;
}

export interface KeyReceipt {
  readonly expiresAt: number;
  /** Whether its update was taken back, rather than applied. */
  readonly isCancelled: boolean;
}

/** What an attempt sends to Redis. */
export interface Request {
  readonly job: JobIndex;
  readonly updates: string;
  /** The end of its lease, by TIME and by the raised clock. */
  readonly lease: number;
  readonly clockLease: number;
  readonly isFirstRun: boolean;
  /** The updates that its worker can't run. */
  readonly impossible: string;
}

/** One worker with one job. */
export interface Attempt {
  readonly request: Request;
  /** What the script answered; empty until then. */
  readonly answer: string;
  readonly hasLostConnection: boolean;
  /** False when BullMQ has given the job to somebody else. */
  readonly hasLock: boolean;
  readonly hasPutBack: boolean;
}

export function initialState({ jobs, broken, events }: Scenario): State {
  const hasClockSteps = events['clock back'] !== undefined || events['clock forward'] !== undefined;
  const planned = [jobs[0], jobs[1]].map((plan): Job => ({
    ...NO_JOB,
    ...(plan && {
      status: 'unsent',
      updates: plan.updates,
      keyed: plan.keyed,
      window: plan.window ?? 0,
      delay: plan.delay ?? 0,
    }),
  }));
  return {
    clock: hasClockSteps ? 0 : undefined,
    announced: 0,
    broken: broken ?? '',
    jobs: [...planned, NO_JOB, NO_JOB],
    receipts: [undefined, undefined, undefined, undefined],
    keyReceipts: [undefined, undefined],
    workers: [undefined, undefined],
    late: [],
    effects: [0, 0, 0],
    keyPromised: undefined,
    isKeyCancelled: false,
    isKeyDoubled: false,
    isKeyTornApart: false,
    isRefusedEarly: false,
    isRemovedEarly: false,
    left: EVENTS.map((event) => events[event] ?? 0),
  };
}

const NO_JOB: Job = {
  status: 'absent',
  updates: '',
  keyed: false,
  window: 0,
  delay: 0,
  stamp: 0,
  sentAt: 0,
  dueAt: 0,
  lockedUntil: 0,
  started: 0,
  failures: 0,
  result: '',
  mark: '',
  endedAt: 0,
  lateAdd: undefined,
  acceptance: 'open',
  isCancelled: false,
  isNewUse: false,
};

export function jobAt(state: State, index: JobIndex): Job {
  return state.jobs[index] ?? NO_JOB;
}

export function withJob(state: State, index: JobIndex, change: Partial<Job>): State {
  return { ...state, jobs: state.jobs.map((job, place) => (place === index ? { ...job, ...change } : job)) };
}

export function withWorker(state: State, worker: 0 | 1, attempt: Attempt | undefined): State {
  const other = state.workers[1 - worker];
  return { ...state, workers: worker === 0 ? [attempt, other] : [other, attempt] };
}

export function replaced<Item>(items: readonly Item[], index: number, item: Item): readonly Item[] {
  return items.map((it, place) => (place === index ? item : it));
}

export function mayHappen(state: State, event: Event): boolean {
  return (state.left[EVENTS.indexOf(event)] ?? 0) > 0;
}

/** The state with one less of the event to come. */
export function happened(state: State, event: Event): State {
  const place = EVENTS.indexOf(event);
  return { ...state, left: replaced(state.left, place, (state.left[place] ?? 0) - 1) };
}

/**
 * The state when Redis' time has moved by so much: forward, and what expires is gone; or back. What is long ago is moved no
 * further, so that states which differ only in how long are one; a clock that may step back makes that longer.
 */
export function shifted(state: State, ticks: number): State {
  const stepBack = mayHappen(state, 'clock back') ? CLOCK_STEP : 0;
  const move = (time: number, oldest: number) => Math.max(time - ticks, -oldest - stepBack);
  const request = (it: Request) => ({ ...it, lease: move(it.lease, 1), clockLease: move(it.clockLease, 1) });
  const attempt = (it: Attempt | undefined) => it && { ...it, request: request(it.request) };
  return {
    ...state,
    clock: state.clock === undefined ? undefined : move(state.clock, CLOCK_TOLERANCE + 1),
    keyPromised: state.keyPromised === undefined ? undefined : move(state.keyPromised, 1),
    jobs: state.jobs.map((job) => (job.status === 'absent' ? job : { ...job, ...movedTimes(job, move) })),
    receipts: state.receipts.map((it) => kept(it, ticks)),
    keyReceipts: state.keyReceipts.map((it) => kept(it, ticks)),
    workers: [attempt(state.workers[0]), attempt(state.workers[1])],
    late: state.late.map(request).filter(({ lease }) => lease >= 0 || stepBack > 0), // others can do nothing any more
  };
}

function movedTimes(job: Job, move: (time: number, oldest: number) => number): Partial<Job> {
  const isSent = !['unsent', 'looked up', 'answered', 'absent'].includes(job.status);
  const isLate = job.lateAdd !== undefined && job.lateAdd > 0;
  return {
    stamp: isSent ? move(job.stamp, FORGOTTEN) : 0,
    sentAt: isSent ? move(job.sentAt, FORGOTTEN) : 0,
    dueAt: job.status === 'delayed' ? move(job.dueAt, 0) : 0,
    lockedUntil: job.status === 'active' ? move(job.lockedUntil, 1) : 0,
    endedAt: job.status === 'failed' ? move(job.endedAt, FAILED_KEPT) : 0,
    lateAdd: isLate ? move(job.lateAdd, 0) : undefined,
  };
}

function kept<Stored extends { expiresAt: number }>(stored: Stored | undefined, ticks: number): Stored | undefined {
  return stored && stored.expiresAt > ticks ? { ...stored, expiresAt: stored.expiresAt - ticks } : undefined;
}
