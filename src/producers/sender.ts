import type { JobsOptions, Telemetry } from 'bullmq';
import { IdempotencyConflictError, TallyError } from '../errors.js';
import { toJobData } from '../jobs/job-data.js';
import type { Stamp } from '../jobs/job-data.js';
import { parseUpdateId } from '../jobs/job-id.js';
import { bullmq } from '../bullmq/bullmq.js';
import { openQueue } from '../jobs/queues.js';
import type { TallyQueue } from '../jobs/queues.js';
import type { Layouts } from '../layout/layouts.js';
import { newJobId } from '../layout/new-job-id.js';
import type { Partition } from '../layout/partitions.js';
import type { Store } from '../layout/store.js';
import { withDeadline } from '../lib/timeouts.js';
import { traceSending } from '../metrics/job-spans.js';
import type { UpdateCounters } from '../metrics/update-counters.js';
import type { Operation } from '../operations/operation.js';
import { decodeOutcome } from '../operations/outcome.js';
import type { CheckedUpdate } from '../operations/update.js';
import type { Connection } from '../redis/connection.js';
import type { ReplicaConfirmation } from '../redis/replicas.js';
import { NO_SLOT } from '../redis/slots.js';
import { askRedis } from '../redis/ask-redis.js';
import { Backlog } from './backlog.js';
import type { KeyLookUp, Recorded } from './idempotency.js';
import type { PendingUpdate } from './pending-update.js';
import { sendFailure } from './send-failure.js';
import { SentJob } from './sent-job.js';
import { Submission } from './submission.js';
import type { FollowOutcome } from './submission.js';
import { traceOptions } from './trace.js';
import { windowOf } from './when.js';

/** What holds for the idempotency keys of some updates in place of what the producer was told. */
export interface KeyTerms {
  /** How long they are remembered. */
  readonly windowMs: number;
  /** Gets the time of the look-up before anything is sent that was not found; it throws to have nothing sent. */
  readonly checkTime: (sentAtMs: number) => void;
}

const ANNOUNCE_EVERY_MS = 60_000;

/** One call of `send`. */
interface Call {
  readonly options: JobsOptions;
  readonly terms: KeyTerms | undefined;
  /** Whether Redis may have a job of it. */
  isSent: boolean;
  /** Its caller was told that it failed: what was not sent by then must not be. */
  isGivenUp: boolean;
}

interface SenderOptions {
  /** Its connection is a prompt one. */
  readonly store: Store;
  readonly keyLookUp: KeyLookUp;
  /** How long idempotency keys are remembered. */
  readonly windowMs: number;
  readonly timeoutMs: number;
  /** Updates in one job at most. */
  readonly maxBatch: number;
  /** Jobs that may wait in a queue. */
  readonly backlogLimit: number;
  readonly follow: FollowOutcome;
  readonly confirmation: ReplicaConfirmation;
  readonly updateCounters: UpdateCounters | undefined;
  readonly telemetry: Telemetry | undefined;
}

/** Makes jobs of updates and puts them on the queues. */
export class Sender {
  /** By name and prefix. */
  readonly #queues = new Map<string, Map<string, TallyQueue>>();
  readonly #backlogs = new Map<TallyQueue, Backlog>();
  #announcing: Promise<void> | undefined;
  #announcedAtMs = -Infinity;

  constructor(private readonly options: SenderOptions) {
    bullmq(); // it is loaded now, for the first submit not to wait
  }

  /**
   * Sends updates of one operation and one partition, as one job or as several when there are more than `maxBatch`.
   *
   * @throws QueueUnavailableError when Redis does not answer within the time that the first of them has left
   */
  async send(
    operation: Operation,
    items: readonly PendingUpdate[],
    options: JobsOptions = {},
    terms?: KeyTerms,
  ): Promise<Submission[]> {
    const { timeoutMs, maxBatch } = this.options;
    const { redis } = this.options.store;
    const { disconnects } = redis;
    const leftMs = (items[0]?.sinceMs ?? 0) + timeoutMs - performance.now();
    const call: Call = { options, terms, isSent: false, isGivenUp: false };
    try {
      return await withDeadline(this.#enqueue(operation, items, call), Math.max(1, leftMs));
    } catch (error) {
      call.isGivenUp = true;
      const sentOnce = redis.disconnects === disconnects && items.length <= maxBatch; // of several jobs some may be in
      throw sendFailure(error as Error, redis, call.isSent ? (sentOnce ? 'once' : 'more often') : 'not sent');
    }
  }

  /**
   * Makes sure that no update has an idempotency key that is known to belong to another one.
   *
   * @throws IdempotencyConflictError naming those that have
   * @throws QueueUnavailableError when Redis does not answer in time
   */
  async refuseConflicts(updates: readonly CheckedUpdate[]): Promise<void> {
    const { store, keyLookUp, timeoutMs, updateCounters } = this.options;
    const conflicts = await askRedis(store.redis, timeoutMs, keyLookUp.findConflicts(updates));
    if (conflicts.length > 0) {
      for (const index of conflicts) {
        const name = updates[index]?.operation.name ?? '';
        updateCounters?.submitted(name, 1);
        updateCounters?.ended(name, 'conflict', 1);
      }
      throw new IdempotencyConflictError(conflicts);
    }
  }

  /** Of an operation's queue, or of its part in a partition. */
  backlogOf(operation: Operation, partition: Partition): Backlog {
    const { store, backlogLimit } = this.options;
    const { configured: layout } = store.layouts;
    const queue = this.queue(operation.queue, partition);
    let backlog = this.#backlogs.get(queue);
    if (backlog === undefined) {
      backlog = new Backlog(queue, Math.ceil(backlogLimit / layout.partitions.length), store.logger);
      this.#backlogs.set(queue, backlog);
    }
    return backlog;
  }

  async close(): Promise<void> {
    for (const backlog of this.#backlogs.values()) {
      backlog.close();
    }
    const queues = [...this.#queues.values()].flatMap((ofName) => [...ofName.values()]);
    await Promise.allSettled(queues.map((queue) => queue.close()));
  }

  /** Adds jobs with all updates that are not recorded under their idempotency keys already. */
  async #enqueue(operation: Operation, updates: readonly PendingUpdate[], call: Call): Promise<Submission[]> {
    const { options, terms } = call;
    const { store, keyLookUp, maxBatch, follow, confirmation, updateCounters, telemetry } = this.options;
    const { layouts } = store;
    const { recorded, failures, sentAtMs = await this.#now() } = await keyLookUp.look(updates, () => operation);
    if (failures.size > 0) {
      return this.#enqueueAllBut(refuseFailed(updates, failures, store.redis), operation, updates, call);
    }
    const stamp = { sentAtMs, windowMs: terms?.windowMs ?? windowOf(this.options.windowMs, options.delay) };
    const fresh = recorded.size === 0 ? updates : updates.filter((_, index) => !recorded.has(index));
    if (fresh.length > 0) {
      terms?.checkTime(sentAtMs);
    }
    const late = fresh.filter(({ sendBeforeMs = Infinity }) => sentAtMs > sendBeforeMs);
    if (late.length > 0) {
      refuseLate(late);
      return await this.#enqueueAllBut(late, operation, updates, call);
    }
    const jobs = chunks(fresh, maxBatch).map((ofJob) => jobOf(ofJob, stamp, layouts));
    const submissions: Submission[] = [];
    for (const { updates: ofJob, sent: job } of jobs) {
      for (let place = 0; place < ofJob.length; place += 1) {
        submissions.push(new Submission(job, place, operation, ofJob[place]?.params, follow));
      }
    }
    for (const [index, known] of [...recorded].sort(([one], [other]) => one - other)) {
      submissions.splice(index, 0, recordedSubmission(operation, updates[index]?.params, known));
    }
    const bulk = jobs.map(({ updates: ofJob, data, sent: { jobId } }) => ({
      name: operation.name,
      data,
      opts: { ...options, ...traceOptions(ofJob), jobId },
    }));
    const partition = layouts.configured.partitionOf(updates[0]?.slot ?? NO_SLOT);
    const queue = this.queue(operation.queue, partition);
    await this.#announce();
    const before = confirmation.isNeeded && confirmation.before([partition.slot]);
    if (call.isGivenUp) {
      throw new Error('its caller was told that it was not sent');
    }
    call.isSent = true;
    if (telemetry === undefined) {
      await this.#add(queue, bulk);
    } else {
      const origins = jobs.map((job) => job.updates);
      await traceSending(telemetry, queue.name, bulk, origins, (traced) => this.#add(queue, traced));
    }
    if (before) {
      await confirmation.confirm(before);
    }
    updateCounters?.submitted(operation.name, updates.length);
    for (const { outcome } of recorded.values()) {
      updateCounters?.completed(operation.name, outcome, 1);
    }
    return submissions;
  }

  /** The callers of those that are refused know: what stands in their places is given to nobody. */
  async #enqueueAllBut(
    refused: readonly PendingUpdate[],
    operation: Operation,
    updates: readonly PendingUpdate[],
    call: Call,
  ): Promise<Submission[]> {
    const others = updates.filter((update) => !refused.includes(update));
    const sent = others.length === 0 ? [] : await this.#enqueue(operation, others, call);
    return updates.map((update) => (refused.includes(update) ? undefined : sent.shift()) as unknown as Submission);
  }

  /**
   * Redis' time, for jobs without a key, where a few minutes in 400 days make no difference. While there is no connection it waits
   * for one, so that a job is not left to ioredis, which may send it after its caller was told that it was not.
   */
  async #now(): Promise<number> {
    const { clock, redis } = this.options.store;
    if (!clock.isKnown || redis.status !== 'ready') {
      await clock.sample();
    }
    return clock.latestAt(performance.now());
  }

  async #add(queue: TallyQueue, jobs: Parameters<TallyQueue['addBulk']>[0]): Promise<void> {
    const [first] = jobs;
    if (jobs.length > 1) {
      await queue.addBulk(jobs);
    } else if (first !== undefined) {
      await queue.add(first.name, first.data, first.opts);
    }
  }

  /** Before the first job; and now and then, in case someone has removed the number: nobody would serve its partitions. */
  async #announce(): Promise<void> {
    const { store, timeoutMs } = this.options;
    const { redis, layouts, logger } = store;
    if (performance.now() - this.#announcedAtMs < ANNOUNCE_EVERY_MS) {
      return;
    }
    if (this.#announcedAtMs === -Infinity) {
      this.#announcing ??= askRedis(redis, timeoutMs, layouts.announce()).finally(() => {
        this.#announcing = undefined;
      });
      await this.#announcing;
      this.#announcedAtMs = performance.now();
      return;
    }
    this.#announcedAtMs = performance.now();
    layouts.announce().catch((error: unknown) => {
      logger.debug({ err: error }, 'could not announce the number of partitions, trying again soon');
    });
  }

  /** A queue, or its part in a partition; closed with this. */
  queue(name: string, { prefix }: Pick<Partition, 'prefix'>): TallyQueue {
    let ofName = this.#queues.get(name);
    if (ofName === undefined) {
      ofName = new Map();
      this.#queues.set(name, ofName);
    }
    const known = ofName.get(prefix);
    if (known !== undefined) {
      return known;
    }
    const { redis, logger } = this.options.store;
    const queue = openQueue(name, prefix, redis, logger);
    ofName.set(prefix, queue);
    return queue;
  }
}

function jobOf(updates: NonEmpty<PendingUpdate>, stamp: Stamp, { receipts }: Layouts) {
  const [{ slot }] = updates;
  const data = toJobData(updates, stamp, receipts);
  return { updates, data, sent: new SentJob(newJobId(slot), data, receipts.slotFor(slot)) };
}

type NonEmpty<Item> = readonly [Item, ...Item[]];

function chunks<Item>(items: readonly Item[], length: number): NonEmpty<Item>[] {
  if (items.length <= length) {
    return items.length === 0 ? [] : [items as NonEmpty<Item>];
  }
  return Array.from(
    { length: Math.ceil(items.length / length) },
    (_, place) => items.slice(place * length, (place + 1) * length) as unknown as NonEmpty<Item>,
  );
}

/** Tells the callers of those that could not be looked up. Nothing was sent of them. */
function refuseFailed(
  updates: readonly PendingUpdate[],
  failures: ReadonlyMap<number, Error>,
  redis: Connection,
): PendingUpdate[] {
  const refused = updates.filter((_, index) => failures.has(index));
  for (const [index, failure] of failures) {
    updates[index]?.reject(sendFailure(failure, redis, 'not sent'));
  }
  return refused;
}

function refuseLate(late: readonly PendingUpdate[]): void {
  for (const { reject } of late) {
    const message = 'it may have been sent before, and its idempotency key is forgotten; it was not sent now';
    reject(new TallyError('TOO_LATE_TO_SEND', message));
  }
}

/** A submission of an update that was recorded before: no job was made. */
function recordedSubmission(operation: Operation, params: unknown, { updateId: id, outcome }: Recorded): Submission {
  const { jobId, index } = parseUpdateId(id) ?? { jobId: id, index: 0 };
  const follow = () => Promise.resolve().then(() => decodeOutcome(outcome, operation, params));
  return new Submission(new SentJob(jobId, undefined, undefined), index, operation, params, follow, true);
}
