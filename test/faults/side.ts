import { applyScript } from '../../src/operations/apply-script.js';
import { crossSlotScript } from '../../src/redis/cross-slot-scripts.js';
import type { ClusterTarget } from '../../src/redis/target.js';
import type { Shards } from './cells.js';
import type { Pace } from './settings.js';
import { REGISTRY } from './operations.js';

/** How a process reaches Redis: the URL of one server, or some nodes of a Cluster. */
export type Address = string | ClusterTarget;

/** What the supervisor hands to a worker program, as JSON in its first argument. */
export interface WorkerSettings {
  /** By its own proxy. */
  readonly redis: Address;
  readonly clockOffsetMs: number;
  /** Into how many partitions it takes queues to be split, whatever producers say. */
  readonly partitions?: number | undefined;
  /** How many replicas have to confirm what it writes. */
  readonly replicasToConfirm?: number | undefined;
  readonly tellsOutcomes: boolean;
  readonly pace: Pace;
}

/** What the supervisor hands to a producer program. */
export interface ProducerSettings {
  readonly redis: Address;
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
  readonly partitions?: number | undefined;
  readonly replicasToConfirm?: number | undefined;
  /** Where the cells of its updates lie. */
  readonly shards: Shards;
  readonly pace: Pace;
  readonly clockOffsetMs: number;
}

/** What the supervisor hands to a subscriber program. */
export interface SubscriberSettings {
  readonly redis: Address;
  readonly group: string;
  /** The file in which its group notes what it was told. */
  readonly journal: string;
}

/** The code under test: the programs of its workers and producers. */
export interface Side {
  readonly name: string;
  readonly workerProgram: URL;
  readonly producerProgram: URL;
  /** Absent when it tells no outcomes. */
  readonly subscriberProgram?: URL;
  /** The SHA-1s of its scripts that apply updates. */
  readonly applyShas: readonly string[];
  /** Whether the oracle can read its jobs and receipts. If not, its updates are counted by their witnesses alone. */
  readonly isJudged: boolean;
}

/** Of one slot, and of all on a master. */
export const APPLY_SHAS = [applyScript(REGISTRY).sha, crossSlotScript(applyScript(REGISTRY)).sha];

export const TALLY: Side = {
  name: 'tally',
  isJudged: true,
  applyShas: APPLY_SHAS,
  workerProgram: new URL('tally-worker.ts', import.meta.url),
  producerProgram: new URL('tally-producer.ts', import.meta.url),
  subscriberProgram: new URL('tally-subscriber.ts', import.meta.url),
};
