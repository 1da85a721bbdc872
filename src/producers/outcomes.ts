import { TallyError } from '../errors.js';
import { isRequeuedAt, outcomeAt } from '../jobs/job-end.js';
import { requeuedJobId } from '../jobs/job-id.js';
import type { Store } from '../layout/store.js';
import type { Outcome } from '../operations/outcome.js';
import { connectPatiently } from '../redis/connect.js';
import type { Connection } from '../redis/connection.js';
import type { RedisTarget } from '../redis/target.js';
import { firstSlot } from '../operations/step.js';
import type { Slot } from '../redis/slots.js';
import { OutcomeListener } from './outcome-listener.js';
import type { SubmittedUpdate } from './submission.js';

/** Finds out what becomes of updates. Connects when the first outcome is asked for. */
export class Outcomes {
  readonly #listeners = new Map<string, OutcomeListener>();
  #redis: Connection | undefined;
  #closed = false;

  constructor(
    private readonly target: RedisTarget,
    private readonly store: Pick<Store, 'layouts' | 'keys' | 'logger'>,
  ) {}

  /**
   * Waits for the outcome of one update. If it failed within a batch, the batch put it back as a job of its own,
   * and that job's end is the outcome.
   */
  async follow(update: SubmittedUpdate, timeoutMs: number): Promise<Outcome> {
    if (this.#closed) {
      throw new TallyError('CLOSED', 'the producer is closed; ask another one for the outcome');
    }
    const { operation, params, job, index } = update;
    const { jobId, slot } = job;
    const listener = this.#listener(operation.queue, jobId);
    const endsAtMs = performance.now() + timeoutMs;
    const end = await listener.wait(jobId, index, slot, timeoutMs);
    if (end === 'unknown') {
      throw new TallyError('UPDATE_NOT_FOUND', `job ${jobId} is not in the queue "${operation.queue}" any more`);
    }
    const { digest } = job;
    if (isRequeuedAt(end, { index, digest })) {
      const leftMs = Math.max(0, endsAtMs - performance.now());
      const requeued = await listener.wait(requeuedJobId(jobId, index), 0, this.#slotOf(update), leftMs);
      if (requeued !== 'unknown') {
        return outcomeAt(requeued, { operation, params, index: 0, digest: undefined });
      }
    }
    return outcomeAt(end, { operation, params, index, digest });
  }

  /** Where the receipt of the job lies that an update was put back in. */
  #slotOf({ operation, params }: SubmittedUpdate): Slot {
    return this.store.layouts.receipts.slotFor(firstSlot(operation.steps(params)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    // One that fails, as BullMQ's does when its connection is refused at this moment, is ended with its connection.
    await Promise.allSettled([...this.#listeners.values()].map((listener) => listener.close()));
  }

  disconnect(): void {
    this.#redis?.disconnectAll();
  }

  #listener(queue: string, jobId: string): OutcomeListener {
    const { layouts, keys, logger } = this.store;
    const partition = layouts.configured.partitionOfJob(jobId);
    const place = `${partition.prefix}:${queue}`;
    const known = this.#listeners.get(place);
    if (known !== undefined) {
      return known;
    }
    this.#redis ??= connectPatiently(this.target, 'tally-outcomes', logger);
    const listener = new OutcomeListener({ queue, partition, redis: this.#redis, keys, layouts, logger });
    this.#listeners.set(place, listener);
    return listener;
  }
}
