import type { Checkout } from './checkout.js';
import type { OwnOperation } from './own-operation.js';
import type { Family } from './result.js';
import type { Taking } from './traffic.js';

/** What a load does, in numbers. */
export interface Workload {
  /** Open loop: updates a second. Or `callers`. */
  readonly rate: number | undefined;
  /** Closed loop. */
  readonly callers: number | undefined;
  readonly ramp: boolean;
  readonly durationMs: number;
  readonly updates: number;
  readonly mix: Readonly<Record<Family, number>>;
  /** An operation of the user's own. @defaultValue those of the mix */
  readonly own?: OwnOperation;
  readonly keys: number;
  readonly skew: number;
  readonly idempotentShare: number;
  readonly batch: number;
  /** Times that each update is sent. */
  readonly sendings: number;
  readonly taking: Taking;
  /** What buyers do who reserve in place of taking. @defaultValue they take */
  readonly checkout?: Checkout;
  /** Whether the scores are members of one sorted set. */
  readonly leaderboard: boolean;
  /** Whether the callers of a closed loop wait for outcomes, or only until they are accepted. */
  readonly waitsForOutcome: boolean;
  /** Accepted updates without an outcome at which callers stop for a while. */
  readonly backlogLimit: number;
  /** Updates in one job at most; undefined leaves it to the producer. */
  readonly maxBatch: number | undefined;
  /** Jobs that a worker of the load's own runs at a time. */
  readonly workerConcurrency: number;
}

/** What is done without a scenario and flags. Ends in half a minute. */
export const DEFAULTS: Workload = {
  rate: 1_000,
  callers: undefined,
  ramp: false,
  durationMs: 20_000,
  updates: 1_000_000,
  mix: { counter: 0.6, inventory: 0.2, xp: 0.1, scores: 0.1 },
  keys: 1_000,
  skew: 0.8,
  idempotentShare: 0.1,
  batch: 1,
  sendings: 1,
  taking: { stock: 1_000, quantity: 3, whenShort: 'mixed' },
  leaderboard: false,
  waitsForOutcome: true,
  backlogLimit: Number.POSITIVE_INFINITY,
  maxBatch: undefined,
  workerConcurrency: 50,
};

/** A load with a name. */
export interface Scenario {
  readonly name: string;
  /** One sentence on what it does. */
  readonly text: string;
  /** Where it differs from {@link DEFAULTS}; flags may change it. */
  readonly usual: Partial<Workload>;
  /** What makes it what it is: flags may not change it. */
  readonly fixed: Partial<Workload>;
  /** @defaultValue both */
  readonly target?: 'queue';
}

const ONLY = { counter: 0, inventory: 0, xp: 0, scores: 0 } satisfies Record<Family, number>;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'flash-sale',
    text: '10,000 buyers of 1,000 units of one article: 1,000 are sold, nobody else gets one.',
    usual: { rate: undefined, callers: 200, durationMs: 60_000 },
    fixed: {
      updates: 10_000,
      mix: { ...ONLY, inventory: 1 },
      keys: 1,
      skew: 0,
      taking: { stock: 1_000, quantity: 1, whenShort: 'reject' },
    },
  },
  {
    name: 'blog-spike',
    text: 'One counter that all hit, at a rate that grows: a post on the front page.',
    usual: { rate: 5_000, ramp: true },
    fixed: { mix: { ...ONLY, counter: 1 }, keys: 1, skew: 0 },
  },
  {
    name: 'tournament',
    text: 'Pairs of players on a leaderboard: the points of both change in one step, or none.',
    usual: { rate: undefined, callers: 100 },
    fixed: { mix: { ...ONLY, scores: 1 }, leaderboard: true },
  },
  {
    name: 'redelivery',
    text: 'Every update is sent twice, with the same idempotency key, as a broker does that redelivers: each counts once.',
    usual: {},
    fixed: { idempotentShare: 1, sendings: 2 },
  },
  {
    name: 'checkout',
    text: '10,000 buyers reserve an article: 60 % pay, 20 % give it back, 20 % walk away. What is not sold is there in the end.',
    usual: { rate: undefined, callers: 200, durationMs: 60_000 },
    fixed: {
      updates: 10_000,
      mix: { ...ONLY, inventory: 1 },
      keys: 1,
      skew: 0,
      taking: { stock: 10_000, quantity: 1, whenShort: 'floor' },
      checkout: { pay: 0.6, giveBack: 0.2 },
    },
  },
  {
    name: 'slow-worker',
    text: 'Jobs of one update come faster than workers take them: a backlog grows, and drains.',
    usual: { rate: undefined, callers: 4, batch: 250, durationMs: 5_000 },
    fixed: { waitsForOutcome: false, backlogLimit: 20_000, maxBatch: 1, workerConcurrency: 1 },
    target: 'queue', // the API makes batches of what waits
  },
];
