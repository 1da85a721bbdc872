import type { Cluster, Redis } from 'ioredis';
import type { createProducer, Outcome, Reader, SubscriberOptions, TallySubscriber } from '../src/index.js';
import type { energySpend } from './energy-spend.js';

/** What every example gets to work with. */
export interface ExampleContext {
  /** Sends updates. It knows the built-in operations and `energy.spend`. */
  readonly producer: ReturnType<typeof createProducer<typeof energySpend>>;
  /** Reads values, leaderboards and histories. */
  readonly reader: Reader;
  /** Listens to outcomes, as `createSubscriber` does where the worker has `outcomes: true`: on one server. */
  readonly subscribe: (
    options: Pick<SubscriberOptions<typeof energySpend>, 'group' | 'filter' | 'onOutcome'>,
  ) => TallySubscriber;
  /** A plain connection: what Tally writes are ordinary Redis values, to be read by anyone. */
  readonly redis: Redis | Cluster;
  /** The full name of a key, so that the same example can run in a place of its own. */
  readonly key: (name: string) => string;
}

/** What an example teaches, and what happened in it. */
export interface Lesson {
  readonly title: string;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly did: string;
  /** What came of it: an outcome, an error, or what a plain read found. */
  readonly answer: Outcome | Error | string | null;
}
