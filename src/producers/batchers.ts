import { QueueUnavailableError, RedisRefusedError } from '../errors.js';
import type { Layout } from '../layout/layout.js';
import type { Partition } from '../layout/partitions.js';
import type { Operation } from '../operations/operation.js';
import type { CheckedUpdate } from '../operations/update.js';
import type { Backlog } from './backlog.js';
import { Batcher } from './batcher.js';
import type { PendingUpdate } from './pending-update.js';
import type { Sender } from './sender.js';
import type { Submission } from './submission.js';

/** A job with more cells than this gets no further update, so that no script call blocks Redis for long. */
const MAX_CELLS_PER_JOB = 1_000;

/** Updates that leave together at least, if so many wait: as one job, or as several when `maxBatch` is smaller. */
const BATCH_SIZE = 256;

/** Batches in flight at a time: with 1 both ends idle half of the time, more than 4 gained nothing. */
const MAX_IN_FLIGHT = 4;

/** Of an operation in a partition. */
export interface UpdateBatcher {
  readonly batcher: Batcher<PendingUpdate, Submission>;
  /** Of the queue that it leads to. */
  readonly backlog: Backlog;
}

/** A batcher for each operation in each partition. */
export class Batchers {
  /** By operation and partition. */
  readonly #batchers = new Map<string, Map<Partition, UpdateBatcher>>();
  readonly #total = { waiting: 0 };

  constructor(private readonly deps: { readonly sender: Sender; readonly layout: Layout; readonly maxBatch: number }) {}

  /** How many updates wait, not counting those on their way. */
  get waiting(): number {
    return this.#total.waiting;
  }

  batcherOf({ operation, slot }: CheckedUpdate): UpdateBatcher {
    const partition = this.deps.layout.partitionOf(slot);
    let batchers = this.#batchers.get(operation.name);
    if (batchers === undefined) {
      batchers = new Map();
      this.#batchers.set(operation.name, batchers);
    }
    let found = batchers.get(partition);
    if (found === undefined) {
      found = { batcher: this.#newBatcher(operation), backlog: this.deps.sender.backlogOf(operation, partition) };
      batchers.set(partition, found);
    }
    return found;
  }

  /** Resolves when everything pushed so far is sent or refused. */
  async flush(): Promise<void> {
    const batchers = [...this.#batchers.values()].flatMap((ofOperation) => [...ofOperation.values()]);
    await Promise.all(batchers.map(({ batcher }) => batcher.flush()));
  }

  #newBatcher(operation: Operation): UpdateBatcher['batcher'] {
    const { sender, maxBatch } = this.deps;
    return new Batcher({
      maxBatch: Math.max(maxBatch, BATCH_SIZE),
      maxCells: MAX_CELLS_PER_JOB,
      maxInFlight: MAX_IN_FLIGHT,
      total: this.#total,
      send: (items) => sender.send(operation, items),
      notSent,
    });
  }
}

function notSent(cause: unknown): Error {
  const options = { cause, accepted: 'none' } as const;
  return cause instanceof RedisRefusedError
    ? new RedisRefusedError(
        cause.redisCode,
        `Redis refused the updates before this one (${cause.redisCode}), so it was not sent`,
        options,
      )
    : new QueueUnavailableError('Redis did not answer the updates before this one, so it was not sent', options);
}
