import type { PlannedJob, Scenario } from './scenario.js';
import { LONG_WINDOW, WINDOW } from './times.js';

const KEYED: PlannedJob = { updates: '0', keyed: true, window: WINDOW };
const KEYED_AGAIN: PlannedJob = { updates: '2', keyed: true, window: WINDOW };
const LONG = { ...KEYED, window: LONG_WINDOW };
const LONG_AGAIN = { ...KEYED_AGAIN, window: LONG_WINDOW };
const UNKEYED: PlannedJob = { updates: '0', keyed: false };
const UNKEYED_OTHER: PlannedJob = { updates: '2', keyed: false };
const BATCH: PlannedJob = { updates: '01', keyed: false };
const KEYED_BATCH: PlannedJob = { updates: '01', keyed: true, window: WINDOW };

/** The smallest settings in which each kind of fault does its harm, where the rule against it is missing. */
export const SCENARIOS = {
  'one key sent twice': { jobs: [KEYED, KEYED_AGAIN], events: {} },
  'one key sent twice, the look-up apart from the stamp': {
    ...{ jobs: [LONG, LONG_AGAIN], events: {}, splitPipeline: true, settler: false },
  },
  'one key sent twice, with two windows': {
    jobs: [LONG, KEYED_AGAIN],
    events: {},
  },
  'one key sent twice, in two partitions': { jobs: [KEYED, { ...KEYED_AGAIN, partition: 1 }], events: {} },
  'one key sent twice, the first with a delay': {
    jobs: [{ ...KEYED, delay: 3 }, KEYED_AGAIN],
    ...{ broken: '0', events: { heal: 1, retry: 1, promote: 1 } },
  },
  'one key sent twice, and clocks step': {
    jobs: [KEYED, KEYED_AGAIN],
    events: { 'clock forward': 1, 'clock back': 1 },
  },
  'one key sent twice, and a step of the clock passes unnoted': {
    ...{ jobs: [KEYED, KEYED_AGAIN], events: { 'clock forward': 1, 'clock back': 1 }, unnotedSteps: true },
  },
  'one key, in a batch and again': {
    ...{ jobs: [KEYED_BATCH, KEYED_AGAIN], broken: '0', events: { heal: 1 }, settler: false, workers: 1 },
  },
  'one key, in a batch whose worker is ahead, and again': {
    ...{
      jobs: [KEYED_BATCH, KEYED_AGAIN],
      broken: '0',
      events: { heal: 1 },
      settler: false,
      workers: 1,
      workerClock: 5,
    },
  },
  'a producer whose clock is behind': { jobs: [KEYED], events: { crash: 1 }, producerClock: -3 },
  'one job, and workers die': { jobs: [UNKEYED], events: { crash: 1, retry: 1 } },
  'a delayed job is promoted': { jobs: [{ ...UNKEYED, delay: 5 }], events: { promote: 1, crash: 1 } },
  'a janitor, and a worker whose clock is ahead': {
    ...{ jobs: [UNKEYED], broken: '0', events: {}, janitor: true, workerClock: 5 },
  },
  'two jobs of two queues': { jobs: [UNKEYED, UNKEYED_OTHER], events: {} },
  'a foreign worker': { jobs: [UNKEYED], events: { 'foreign worker': 1, crash: 1, retry: 1 } },
  'a batch, of which one update fails': { jobs: [BATCH], broken: '0', events: { heal: 1, crash: 1, retry: 1 } },
  'a batch, of which all updates fail': { jobs: [BATCH], broken: '01', events: { heal: 1, crash: 1 }, workers: 1 },
  'a batch whose put-back job is removed': {
    jobs: [BATCH],
    broken: '0',
    events: { heal: 1, crash: 1, remove: 1, retry: 1 },
  },
  'a batch is edited': { jobs: [BATCH], broken: '0', events: { edit: 1, crash: 1 }, workers: 1 },
  'a strict worker and a lenient one': { jobs: [BATCH], events: { crash: 1 }, strictWorker: true },
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
    ...{ jobs: [UNKEYED], broken: '0', events: { heal: 1, 'lose connection': 1, 'clock forward': 1, 'clock back': 1 } },
  },
  'an add that is refused': { jobs: [UNKEYED], events: { 'lose add': 1, 'refuse add': 1 } },
  'a job that waits for long is cancelled': { jobs: [UNKEYED], events: { cancel: 1 } },
  'one job, and the clock steps': { jobs: [UNKEYED], events: { crash: 1, 'clock forward': 1, 'clock back': 1 } },
} satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;
