import type { z } from 'zod';
import { BackpressureError, IdempotencyConflictError } from '../errors.js';
import type { Operation } from '../operations/operation.js';
import { createRegistry } from '../operations/registry.js';
import type { BuiltInOperation } from '../operations/registry.js';
import { checkUpdate, checkUpdates } from '../operations/update.js';
import type { TRANSACTION } from '../operations/transaction.js';
import type { CheckContext, CheckedUpdate } from '../operations/update.js';
import type { Timing } from '../operations/timing.js';
import { openStore } from '../layout/store.js';
import type { Store } from '../layout/store.js';
import { activeCarrier } from '../metrics/job-spans.js';
import { checkOptions } from '../lib/check-options.js';
import { KeyLookUp } from './idempotency.js';
import { ReplicaConfirmation } from '../redis/replicas.js';
import { withinTime } from '../lib/timeouts.js';
import type { KeyQuestion, RecordedUpdate } from './find-by-key.js';
import type { FoundUpdate } from './find-update.js';
import { KnownUpdates } from './known-updates.js';
import { Batchers } from './batchers.js';
import { Calls } from './calls.js';
import { Outcomes } from './outcomes.js';
import type { RevertOptions } from './revert.js';
import { Schedules } from './schedules.js';
import { PendingUpdate } from './pending-update.js';
import { Sender } from './sender.js';
import type { KeyTerms } from './sender.js';
import { SendingTime } from './sending-time.js';
import { UnbatchedJobs } from './unbatched-jobs.js';
import { shortcuts } from './shortcuts.js';
import type { Shortcuts, SubmitOptions } from './shortcuts.js';
import type { FollowOutcome, Submission } from './submission.js';
import { optionsSchema, submitManySchema, submitOptionsSchema } from './producer-options.js';
import type { ProducerOptions } from './producer-options.js';
import { withKey } from './unchecked-update.js';
import type {
  CodeNamed,
  SingleName,
  StepResults,
  StepsNamed,
  SubmissionNamed,
  SubmissionsNamed,
  UpdateOf,
  UpdatesNamed,
} from './types.js';
import { SubmissionList } from './submission-list.js';
import { jobOptionsOf, longestWindowOf, requireWindow, whenOf } from './when.js';

/** Everything is sent by then; this is for closing connections politely. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * A producer: checks updates, puts them on the queues and tells what became of them.
 *
 * @throws ConfigurationError for options that don't fit
 */
export function createProducer<Custom extends Operation = never>(
  options: ProducerOptions<Custom>,
): Producer<BuiltInOperation | Custom> {
  return new Producer(checkOptions('createProducer', optionsSchema, options));
}

export class Producer<Known extends Operation = BuiltInOperation> implements Shortcuts {
  readonly counters: Shortcuts['counters'];
  readonly inventory: Shortcuts['inventory'];
  readonly xp: Shortcuts['xp'];
  readonly scores: Shortcuts['scores'];
  /** Updates that are made again and again. */
  readonly schedules: Schedules<UpdateOf<Known>>;

  readonly #context: CheckContext;
  readonly #store: Store;
  readonly #outcomes: Outcomes;
  readonly #sender: Sender;
  readonly #known: KnownUpdates;
  readonly #time: SendingTime;
  readonly #batchers: Batchers;
  /** A delay or a priority is a job's, so an update with one can't share its job. */
  readonly #unbatchedJobs: UnbatchedJobs;
  readonly #calls = new Calls();

  /** @internal use {@link createProducer} */
  constructor(private readonly options: z.output<typeof optionsSchema>) {
    const { redis: target, submitTimeoutMs: timeoutMs, idempotencyWindowMs: windowMs } = options;
    const { maxBatch, backlogLimit, metrics, telemetry } = options;
    const registry = createRegistry(options.operations);
    this.#store = openStore({ ...options, connectionName: 'tally-producer', timeoutMs });
    const { redis, keys, layouts } = this.#store;
    const { configured: layout } = layouts;
    this.#time = new SendingTime(this.#store, timeoutMs);
    this.#context = {
      registry,
      isReservedKey: keys.isReserved,
      slotOf: (steps) => layout.slotOf(steps),
      idempotencyOwner: options.idempotencyOwner,
      sentAt: this.#time.now,
    };
    redis.onRefusal = (code) => metrics?.refusals.count(code);
    this.#outcomes = new Outcomes(target, this.#store);
    const follow: FollowOutcome = (update, waitMs) => this.#outcomes.follow(update, waitMs);
    metrics?.updates.expect(registry.operations);
    const confirmation = new ReplicaConfirmation(redis, options);
    const lookedUp = { keyLookUp: new KeyLookUp(this.#store, longestWindowOf(windowMs), confirmation), confirmation };
    this.#sender = new Sender({
      store: this.#store,
      windowMs,
      timeoutMs,
      maxBatch,
      backlogLimit,
      follow,
      updateCounters: metrics?.updates,
      telemetry,
      ...lookedUp,
    });
    this.#unbatchedJobs = new UnbatchedJobs(this.#sender);
    const deps = { store: this.#store, context: this.#context, sender: this.#sender, timeoutMs, ...lookedUp };
    this.#known = new KnownUpdates({ ...deps, send: this.#sendWith.bind(this) });
    this.schedules = new Schedules({ ...this.#store, ...deps, registry });
    this.#batchers = new Batchers({ sender: this.#sender, layout, maxBatch });
    const { counters, inventory, xp, scores } = shortcuts((operation, params, options) =>
      this.#submitSingle({ operation, params }, options),
    );
    this.counters = counters;
    this.inventory = inventory;
    this.xp = xp;
    this.scores = scores;
  }

  /**
   * Puts one update on its queue, or several: all are valid or none is queued. Resolves once Redis has them.
   *
   * @throws ValidationError when an update is not valid; nothing was queued
   * @throws BackpressureError when `bufferLimit` updates wait here or `backlogLimit` jobs in the queue; nothing was queued
   * @throws QueueUnavailableError when Redis does not answer in time; see there
   * @throws IdempotencyConflictError with `refuseConflicts`, when a key belongs to another update; nothing was queued
   */
  submit<const Names extends readonly SingleName<Known>[]>(
    transaction: {
      readonly operation: typeof TRANSACTION;
      readonly params: { readonly updates: readonly [...StepsNamed<Known, Names>] };
      readonly idempotencyKey?: string | undefined;
    } & Timing,
    options?: SubmitOptions,
  ): Promise<Submission<StepResults<Known, Names>, CodeNamed<Known, Names[number]>>>;
  submit<Name extends SingleName<Known>>(
    update: UpdatesNamed<Known, [Name]>[0] & { readonly operation: Name },
    options?: SubmitOptions,
  ): Promise<SubmissionNamed<Known, Name>>;
  submit<const Names extends readonly Known['name'][]>(
    updates: readonly [...UpdatesNamed<Known, Names>],
    options?: Omit<SubmitOptions, 'idempotencyKey' | 'sendBefore'>,
  ): Promise<SubmissionsNamed<Known, Names>>;
  submit(update: unknown, options?: SubmitOptions): Promise<unknown> {
    return Array.isArray(update)
      ? this.#calls.make(() => this.#submitMany(update, options))
      : this.#submitSingle(update, options);
  }

  /**
   * Finds an update by the id of its {@link Submission}, whoever submitted it.
   *
   * @returns undefined when it is unknown or forgotten, which {@link wasForgotten} tells apart: completed updates are kept for
   *   as long as the workers' `keepOutcomes` say, a day unless told otherwise, failed ones for 14 days
   * @throws QueueUnavailableError when Redis does not answer in time
   */
  find(id: string): Promise<FoundUpdate | undefined> {
    return this.#known.find(id);
  }

  /**
   * Of an update that {@link find} does not find: whether it may have been completed, and forgotten since. Its id tells when it
   * was made: outcomes of that time are not kept any more.
   *
   * @returns false when no such update was ever accepted, or an operator removed its job
   * @throws QueueUnavailableError when Redis does not answer in time
   */
  wasForgotten(id: string): Promise<boolean> {
    return this.#known.wasForgotten(id);
  }

  /**
   * Finds what became of the update that was the first with an idempotency key, from when it was applied or rejected until its key
   * is forgotten.
   *
   * @returns undefined when nothing is recorded: the key was not used, its update waits, or failed, or it is forgotten
   * @throws ConfigurationError for a question that is not valid
   * @throws ValidationError for an operation that is not known; in a Cluster, without `key`
   * @throws QueueUnavailableError when Redis does not answer in time
   */
  findByKey(question: KeyQuestion): Promise<RecordedUpdate | undefined> {
    return this.#known.findByKey(question);
  }

  /**
   * Takes an update back that has not begun, whoever submitted it. Resolves when it is: it was not applied, and will not be,
   * and its outcome is `cancelled`. Its idempotency key is used up.
   *
   * @throws NotCancellableError when it has begun or ended, or shares its job with others; see there
   * @throws TallyError `UPDATE_NOT_FOUND` when there is no such update, or it is kept no more
   * @throws QueueUnavailableError when Redis does not answer in time; then cancel it again, which is safe
   */
  cancel(id: string): Promise<void> {
    return this.#known.cancel(id);
  }

  /**
   * Takes back what an applied update did, by an update that is its exact inverse; whoever submitted it, and once, however often this
   * is called. Resolves once Redis has the inverse: its outcome is told as that of any update.
   *
   * @throws NotRevertibleError when it has no inverse, was not applied, or was sent more than 7 days ago; see there
   * @throws TallyError `UPDATE_NOT_FOUND` when there is no such update
   * @throws BackpressureError as {@link submit}; nothing was queued
   * @throws QueueUnavailableError when Redis does not answer in time; then revert it again, which is safe
   */
  revert(id: string, options?: RevertOptions): Promise<Submission> {
    return this.#calls.make(() => this.#known.revert(id, options));
  }

  /** Sends what is waiting and closes all connections. */
  async close(): Promise<void> {
    await this.#calls.close();
    await Promise.allSettled([this.#batchers.flush(), this.#unbatchedJobs.flush()]);
    const closing = Promise.allSettled([this.#outcomes.close(), this.#sender.close()]);
    if (this.#store.redis.status === 'ready') {
      await withinTime(closing, CLOSE_TIMEOUT_MS);
    }
    this.#store.close();
    this.#outcomes.disconnect();
  }

  #submitSingle(update: unknown, options?: SubmitOptions): Promise<Submission> {
    const submitting = this.#time.isLackedBy(update)
      ? this.#calls.make(() => this.#time.read().then(() => this.#submitNow(update, options)))
      : this.#submitNow(update, options, true);
    return options?.refuseConflicts ? submitting.then(refuseConflict) : submitting;
  }

  /** @param isNew whether it may be refused as the producer is closed: what waited for Redis' time was submitted before */
  #submitNow(update: unknown, options: SubmitOptions | undefined, isNew = false): Promise<Submission> {
    // One promise and few objects for each update: at 100,000 a second the garbage collector counts.
    return new Promise((resolve, reject) => {
      if (isNew) {
        this.#calls.requireOpen();
      }
      const checkedOptions: CheckedOptions =
        options === undefined ? NO_OPTIONS : checkOptions('submit', submitOptionsSchema, options);
      const { idempotencyKey, idempotencyOwner, trace, sendBefore, authorize } = checkedOptions;
      const keyed = idempotencyKey === undefined ? update : withKey(update, idempotencyKey);
      const checked = checkUpdate(keyed, this.#contextOf(idempotencyOwner));
      authorize?.([checked]);
      const when = whenOf(checked, checkedOptions);
      if (when !== undefined) {
        requireWindow([checked], [when], this.options.idempotencyWindowMs, true);
      }
      const sinceMs = performance.now();
      this.#requireRoom(1);
      const { batcher, backlog } = this.#batchers.batcherOf(checked);
      backlog.requireRoom(sinceMs);
      const since = { sinceMs, trace, sendBeforeMs: sendBefore?.getTime(), carrier: this.#carrier() };
      const item = new PendingUpdate(checked, since, resolve, reject);
      if (when !== undefined) {
        this.#unbatchedJobs.send(checked.operation, item, jobOptionsOf(when));
        return;
      }
      batcher.push(item);
      batcher.dispatch();
    });
  }

  #sendWith(update: CheckedUpdate, trace: SubmitOptions['trace'], terms: KeyTerms): Promise<Submission> {
    return new Promise((resolve, reject) => {
      const sinceMs = performance.now();
      this.#requireRoom(1);
      this.#batchers.batcherOf(update).backlog.requireRoom(sinceMs);
      const since = { sinceMs, trace, sendBeforeMs: undefined, carrier: this.#carrier() };
      const item = new PendingUpdate(update, since, resolve, reject);
      this.#unbatchedJobs.send(update.operation, item, {}, terms);
    });
  }

  async #submitMany(updates: readonly unknown[], options: SubmitOptions = {}): Promise<Submission[]> {
    const checkedOptions = checkOptions('submit', submitManySchema, options);
    const { refuseConflicts, idempotencyOwner, trace, authorize } = checkedOptions;
    if (updates.some((update) => this.#time.isLackedBy(update))) {
      await this.#time.read();
    }
    const since = { sinceMs: performance.now(), trace, sendBeforeMs: undefined, carrier: this.#carrier() };
    const checked = checkUpdates(updates, this.#contextOf(idempotencyOwner));
    authorize?.(checked);
    const whens = checked.map((update) => whenOf(update, checkedOptions));
    requireWindow(checked, whens, this.options.idempotencyWindowMs, false);
    if (refuseConflicts) {
      await this.#sender.refuseConflicts(checked);
    }
    this.#requireRoom(checked.length);
    const batchers = new Set(checked.map((update) => this.#batchers.batcherOf(update)));
    for (const { backlog } of batchers) {
      backlog.requireRoom(performance.now());
    }
    const submissions = new SubmissionList(checked.length);
    checked.forEach((update, index) => {
      const settle = (result: unknown) => {
        submissions.settle(index, result);
      };
      const item = new PendingUpdate(update, since, settle, settle);
      const when = whens[index];
      if (when !== undefined) {
        this.#unbatchedJobs.send(update.operation, item, jobOptionsOf(when));
      } else {
        this.#batchers.batcherOf(update).batcher.push(item);
      }
    });
    for (const { batcher } of batchers) {
      batcher.dispatch(); // now, so that those of one operation leave together
    }
    return submissions.settled;
  }

  #contextOf(idempotencyOwner: string | undefined): CheckContext {
    return idempotencyOwner === undefined ? this.#context : { ...this.#context, idempotencyOwner };
  }

  /** Where the caller is in a trace: the update may leave in the course of another caller's. */
  #carrier(): string | undefined {
    const { telemetry } = this.options;
    return telemetry && activeCarrier(telemetry);
  }

  /** A list of whatever length has room while nothing waits: its caller holds it in any case. */
  #requireRoom(updates: number): void {
    const { bufferLimit } = this.options;
    const waiting = this.#unbatchedJobs.size + this.#batchers.waiting;
    if (waiting > 0 && waiting + updates > bufferLimit) {
      throw new BackpressureError(
        `${waiting} updates wait for Redis, the limit is ${bufferLimit}; nothing was accepted, send it again later`,
      );
    }
  }
}

async function refuseConflict(submission: Submission): Promise<Submission> {
  if (submission.isRepeat && (await submission.outcome()).status === 'conflict') {
    throw new IdempotencyConflictError([0]);
  }
  return submission;
}

type CheckedOptions = Partial<z.output<typeof submitOptionsSchema>>;

const NO_OPTIONS: CheckedOptions = {};
