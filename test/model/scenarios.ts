import type { PlannedJob, Scenario } from './scenario.js';
import { CLOCK_STEP, LONG_WINDOW, WINDOW } from './times.js';

const KEYED: PlannedJob = { updates: '0', keyed: true, window: WINDOW };
const KEYED_AGAIN: PlannedJob = { updates: '2', keyed: true, window: WINDOW };
const LONG = { ...KEYED, window: LONG_WINDOW };
const LONG_AGAIN = { ...KEYED_AGAIN, window: LONG_WINDOW };
const UNKEYED: PlannedJob = { updates: '0', keyed: false };
const UNKEYED_OTHER: PlannedJob = { updates: '2', keyed: false };
const BATCH: PlannedJob = { updates: '01', keyed: false };
const KEYED_BATCH: PlannedJob = { updates: '01', keyed: true, window: WINDOW };

/** Two jobs with one key. Each setting is the smallest in which a missing rule does its harm. */
export const KEY_SCENARIOS = {
  'one key sent twice': { jobs: [KEYED, KEYED_AGAIN], events: {} },
  'one key sent twice, the look-up apart from the stamp': {
    jobs: [LONG, LONG_AGAIN],
    events: {},
    splitPipeline: true,
    settler: false,
  },
  'one key sent twice, with two windows': { jobs: [LONG, KEYED_AGAIN], events: {}, settler: false },
  'one key sent twice, in two partitions': {
    jobs: [KEYED, { ...KEYED_AGAIN, partition: 1 }],
    events: {},
    workers: 1,
    settler: false,
  },
  'one key sent twice, the first with a delay': {
    jobs: [{ ...KEYED, delay: 3 }, KEYED_AGAIN],
    events: { promote: 1 },
    settler: false,
  },
  'one key sent twice, and clocks step': {
    jobs: [KEYED, KEYED_AGAIN],
    events: { 'clock forward': 1, 'clock back': 1 },
    settler: false,
    patient: true,
  },
  'one key sent twice, and one is cancelled': {
    jobs: [KEYED, KEYED_AGAIN],
    events: { cancel: 1 },
    workers: 1,
    settler: false,
  },
  'one key, in a batch and again': {
    jobs: [KEYED_BATCH, KEYED_AGAIN],
    broken: '0',
    events: { heal: 1 },
    settler: false,
    workers: 1,
    patient: true,
  },
  // Here the step of the clock stands for a time for which the queue stood.
  'one key, in a batch whose worker is ahead, and again': {
    jobs: [KEYED_BATCH, KEYED_AGAIN],
    broken: '0',
    events: { heal: 1, 'clock forward': 1 },
    settler: false,
    workers: 1,
    workerClock: CLOCK_STEP,
    patient: true,
  },
  'one key, and all that passes goes wrong': {
    jobs: [LONG, LONG_AGAIN],
    events: { crash: 1, 'lose connection': 1, refuse: 1 },
    attempts: 3,
    patient: true,
    endsWell: true,
  },
  'one key in a batch and again, and much goes wrong': {
    jobs: [KEYED_BATCH, KEYED_AGAIN],
    broken: '0',
    patient: true,
    events: { heal: 1, crash: 1, pause: 1, retry: 1, remove: 1, 'lose connection': 1, refuse: 1, 'foreign worker': 1 },
  },
} satisfies Record<string, Scenario>;

/** Jobs without a key, or of which one is enough. */
export const JOB_SCENARIOS = {
  'a producer whose clock is behind': { jobs: [KEYED], events: { crash: 1 }, producerClock: -3 },
  'one job, and workers die': { jobs: [UNKEYED], events: { crash: 1, retry: 1 } },
  'a delayed job is promoted': { jobs: [{ ...UNKEYED, delay: 5 }], events: { promote: 1, crash: 1 } },
  'a janitor, and a worker whose clock is ahead': {
    jobs: [UNKEYED],
    broken: '0',
    events: {},
    janitor: true,
    workerClock: 5,
  },
  'two jobs of two queues': { jobs: [UNKEYED, UNKEYED_OTHER], events: {}, workers: 1 },
  'a foreign worker': { jobs: [UNKEYED], events: { 'foreign worker': 1, crash: 1, retry: 1 } },
  'a batch, of which one update fails': {
    jobs: [BATCH],
    broken: '0',
    events: { heal: 1, crash: 1, retry: 1 },
    workers: 1,
    patient: true,
  },
  'a batch, of which all updates fail': {
    jobs: [BATCH],
    broken: '01',
    events: { heal: 1, crash: 1 },
    workers: 1,
    patient: true,
  },
  'a batch whose put-back job is removed': {
    jobs: [BATCH],
    broken: '0',
    events: { heal: 1, crash: 1, remove: 1 },
    workers: 1,
    patient: true,
  },
  'a batch that stands for long': {
    jobs: [BATCH],
    broken: '0',
    events: { crash: 1 },
    workers: 1,
    settler: false,
  },
  'a batch is edited': { jobs: [BATCH], broken: '0', events: { edit: 1, crash: 1 }, workers: 1 },
  'a strict worker and a lenient one': { jobs: [BATCH], events: { crash: 1 }, strictWorker: true, patient: true },
  'a worker older than the jobs': { jobs: [UNKEYED], events: {}, olderWorker: true, patient: true, endsWell: true },
  'a strict worker, and all wait for all': {
    jobs: [BATCH],
    events: {},
    strictWorker: true,
    patient: true,
    endsWell: true,
  },
  'a late request': { jobs: [UNKEYED], broken: '0', events: { heal: 1, 'lose connection': 1, refuse: 1 } },
  'a late request, and the clock steps': {
    jobs: [UNKEYED],
    broken: '0',
    workers: 1,
    events: { heal: 1, 'lose connection': 1, 'clock forward': 1, 'clock back': 1 },
  },
  'an add that is refused': { jobs: [UNKEYED], events: { 'lose add': 1, 'refuse add': 1 } },
  'an add lingers, and the job is removed': { jobs: [UNKEYED], events: { 'lose add': 1, remove: 1 } },
  'a job that waits for long is cancelled': { jobs: [UNKEYED], events: { cancel: 1 } },
  'all that passes goes wrong': {
    jobs: [BATCH, UNKEYED_OTHER],
    events: { crash: 1, 'lose connection': 1, refuse: 1 },
    attempts: 3,
    patient: true,
    endsWell: true,
  },
  'a batch, and much goes wrong': {
    jobs: [BATCH],
    broken: '01',
    patient: true,
    events: { heal: 1, crash: 1, pause: 1, retry: 2, remove: 1, 'lose connection': 2, refuse: 1, 'foreign worker': 1 },
  },
  'one job, and the clock steps': {
    workers: 1,
    jobs: [UNKEYED],
    events: { crash: 1, 'clock forward': 1, 'clock back': 1 },
  },
} satisfies Record<string, Scenario>;

export const SCENARIOS = { ...KEY_SCENARIOS, ...JOB_SCENARIOS };

/** What the protocol does not promise: a clock that steps ahead and back before anyone has seen it. */
export const UNNOTED_STEPS: Scenario = { ...KEY_SCENARIOS['one key sent twice, and clocks step'], unnotedSteps: true };

export type ScenarioName = keyof typeof SCENARIOS;
