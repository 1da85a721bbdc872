import { applyScript } from '../../src/operations/apply-script.js';
import { REGISTRY } from './operations.js';

/** What the supervisor hands to a worker program, as JSON in its first argument. */
export interface WorkerSettings {
  /** The URL of its own proxy. */
  readonly redis: string;
  readonly clockOffsetMs: number;
}

/** What the supervisor hands to a producer program. */
export interface ProducerSettings {
  readonly redis: string;
  readonly name: string;
  /** How often this producer was started before. */
  readonly incarnation: number;
  readonly seed: number;
  /** The file in which it notes what it does, see `journal.ts`. */
  readonly journal: string;
  /** Gives every update an idempotency key. */
  readonly keyedOnly: boolean;
  /** Sends all keyed updates of its journal once more, and draws no new ones. */
  readonly resubmitAll: boolean;
  /** Into how many partitions it splits queues, if it does. */
  readonly partitions?: number;
  readonly clockOffsetMs: number;
}

/** What the supervisor hands to a subscriber program. */
export interface SubscriberSettings {
  readonly redis: string;
  /** The file in which it notes what it was told. */
  readonly journal: string;
}

/** The code under test: the programs of its workers and producers. */
export interface Side {
  readonly name: string;
  readonly workerProgram: URL;
  readonly producerProgram: URL;
  /** Absent when it tells no outcomes. */
  readonly subscriberProgram?: URL;
  /** The SHA-1 of its script that applies updates. */
  readonly applySha: string;
  /** Whether the oracle can read its jobs and receipts. If not, its updates are counted by their witnesses alone. */
  readonly isJudged: boolean;
}

export const TALLY: Side = {
  name: 'tally',
  isJudged: true,
  applySha: applyScript(REGISTRY).sha,
  workerProgram: new URL('tally-worker.ts', import.meta.url),
  producerProgram: new URL('tally-producer.ts', import.meta.url),
  subscriberProgram: new URL('tally-subscriber.ts', import.meta.url),
};
