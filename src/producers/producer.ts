import type { z } from 'zod';
import { BackpressureError, IdempotencyConflictError, TallyError, ValidationError } from '../errors.js';
import type { Operation } from '../operations/operation.js';
import { createRegistry } from '../operations/registry.js';
import type { BuiltInOperation } from '../operations/registry.js';
import { checkUpdate, checkUpdates } from '../operations/update.js';
import type { TRANSACTION } from '../operations/transaction.js';
import type { CheckContext, CheckedUpdate } from '../operations/update.js';
import { openStore } from '../layout/store.js';
import type { Store } from '../layout/store.js';
import { activeCarrier } from '../metrics/job-spans.js';
import { checkOptions } from '../lib/check-options.js';
import { KeyLookUp } from './idempotency.js';
import { ReplicaConfirmation } from '../redis/replicas.js';
import { withinTime } from '../lib/timeouts.js';
import { findByKey, keyQuestionSchema } from './find-by-key.js';
import type { KeyQuestion, RecordedUpdate } from './find-by-key.js';
import { findUpdate } from './find-update.js';
import { askRedis } from '../redis/ask-redis.js';
import { wasForgotten } from './forgotten-outcome.js';
import type { FoundUpdate } from './find-update.js';
import { allOf } from './all-of.js';
import { Lanes } from './lanes.js';
import { Outcomes } from './outcomes.js';
import { pendingUpdate, Sender } from './sender.js';
import type { PendingUpdate } from './sender.js';
import { shortcuts } from './shortcuts.js';
import type { Shortcuts, SubmitOptions } from './shortcuts.js';
import type { FollowOutcome, Submission } from './submission.js';
import { optionsSchema, submitManySchema, submitOptionsSchema } from './producer-options.js';
import type { ProducerOptions } from './producer-options.js';
import { namesBucket, withKey } from './unchecked-update.js';
import type {
  CodeNamed,
  SingleName,
  StepResults,
  StepsNamed,
  SubmissionNamed,
  SubmissionsNamed,
  UpdatesNamed,
} from './types.js';

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

  readonly #context: CheckContext;
  readonly #store: Store;
  readonly #outcomes: Outcomes;
  readonly #keyLookUp: KeyLookUp;
  readonly #sender: Sender;
  readonly #lanes: Lanes;
  readonly #sendingAlone = new Set<Promise<void>>();
  #closed = false;

  /** @internal use {@link createProducer} */
  constructor(private readonly options: z.output<typeof optionsSchema>) {
    const { redis: target, submitTimeoutMs: timeoutMs, idempotencyWindowMs: windowMs } = options;
    const { maxBatch, backlogLimit, metrics, telemetry } = options;
    const registry = createRegistry(options.operations);
    this.#store = openStore({ ...options, connectionName: 'tally-producer', timeoutMs });
    const { redis, keys, layouts } = this.#store;
    const { configured: layout } = layouts;
    this.#context = {
      registry,
      isReservedKey: keys.isReserved,
      slotOf: (steps) => layout.slotOf(steps),
      idempotencyOwner: options.idempotencyOwner,
      sentAt: () => this.#store.clock.latestAt(performance.now()),
    };
    redis.onRefusal = (code) => metrics?.refusals.count(code);
    this.#outcomes = new Outcomes(target, this.#store);
    const follow: FollowOutcome = (update, waitMs) => this.#outcomes.follow(update, waitMs);
    const updateCounters = metrics?.updates;
    updateCounters?.expect(registry.operations);
    const confirmation = new ReplicaConfirmation(redis, options);
    this.#keyLookUp = new KeyLookUp(this.#store, windowMs, confirmation);
    this.#sender = new Sender({
      store: this.#store,
      windowMs,
      timeoutMs,
      maxBatch,
      backlogLimit,
      follow,
      updateCounters,
      telemetry,
      keyLookUp: this.#keyLookUp,
      confirmation,
    });
    this.#lanes = new Lanes({ sender: this.#sender, layout, maxBatch });
    const { counters, inventory, xp, scores } = shortcuts((operation, params, options) =>
      this.#submitOne({ operation, params }, options),
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
    },
    options?: SubmitOptions,
  ): Promise<Submission<StepResults<Known, Names>, CodeNamed<Known, Names[number]>>>;
  submit<Name extends SingleName<Known>>(
    update: UpdatesNamed<Known, [Name]>[0] & { readonly operation: Name },
    options?: SubmitOptions,
  ): Promise<SubmissionNamed<Known, Name>>;
  submit<const Names extends readonly Known['name'][]>(
    updates: readonly [...UpdatesNamed<Known, Names>],
    options?: Omit<SubmitOptions, 'idempotencyKey'>,
  ): Promise<SubmissionsNamed<Known, Names>>;
  submit(update: unknown, options?: SubmitOptions): Promise<unknown> {
    if (Array.isArray(update)) {
      return this.#submitMany(update, options);
    }
    return options?.refuseConflicts ? this.#submitOneOrRefuse(update, options) : this.#submitOne(update, options);
  }

  /**
   * Finds an update by the id of its {@link Submission}, whoever submitted it.
   *
   * @returns undefined when it is unknown or forgotten, which {@link wasForgotten} tells apart: completed updates are kept for
   *   as long as the workers' `keepOutcomes` say, a day unless told otherwise, failed ones for 14 days
   * @throws QueueUnavailableError when Redis does not answer in time
   */
  find(id: string): Promise<FoundUpdate | undefined> {
    return findUpdate(this.#findDeps(), id);
  }

  /**
   * Of an update that {@link find} does not find: whether it may have been completed, and forgotten since. Its id tells when it
   * was made: outcomes of that time are not kept any more.
   *
   * @returns false when no such update was ever accepted, or an operator removed its job
   * @throws QueueUnavailableError when Redis does not answer in time
   */
  wasForgotten(id: string): Promise<boolean> {
    return wasForgotten(this.#findDeps(), id);
  }

  /**
   * Finds what became of the update that was the first with an idempotency key, from when it was applied or rejected until its key
   * is forgotten.
   *
   * @returns undefined when nothing is recorded: the key was not used, its update waits, or failed, or it is forgotten
   * @throws ConfigurationError for a question that is not valid
   * @throws ValidationError in a Cluster, without `key`
   * @throws QueueUnavailableError when Redis does not answer in time
   */
  async findByKey(question: KeyQuestion): Promise<RecordedUpdate | undefined> {
    const { idempotencyOwner, ...rest } = checkOptions('findByKey', keyQuestionSchema, question);
    const search = { keyLookUp: this.#keyLookUp, find: (id: string) => this.find(id) };
    const asked = { ...rest, idempotencyOwner: idempotencyOwner ?? this.options.idempotencyOwner };
    return await askRedis(this.#store.redis, this.options.submitTimeoutMs, findByKey(search, asked));
  }

  #findDeps() {
    const { submitTimeoutMs: timeoutMs } = this.options;
    const { registry } = this.#context;
    const readLayouts = () => this.#store.layouts.read();
    return { ...this.#store, registry, readLayouts, timeoutMs };
  }

  /** Sends what is waiting and closes all connections. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([this.#lanes.flush(), ...this.#sendingAlone]);
    const closing = Promise.allSettled([this.#outcomes.close(), this.#sender.close()]);
    if (this.#store.redis.status === 'ready') {
      await withinTime(closing, CLOSE_TIMEOUT_MS);
    }
    this.#store.close();
    this.#outcomes.disconnect();
  }

  async #submitOneOrRefuse(update: unknown, options: SubmitOptions): Promise<Submission> {
    const submission = await this.#submitOne(update, options);
    if (submission.isRepeat && (await submission.outcome()).status === 'conflict') {
      throw new IdempotencyConflictError([0]);
    }
    return submission;
  }

  #submitOne(update: unknown, options?: SubmitOptions): Promise<Submission> {
    return this.#lacksTimeOf(update)
      ? this.#readTime().then(() => this.#submitNow(update, options))
      : this.#submitNow(update, options);
  }

  /** Whether the time at which an update is sent says in which bucket it counts, and is not known yet. */
  #lacksTimeOf(update: unknown): boolean {
    return !this.#store.clock.isKnown && namesBucket(update);
  }

  /** From then on it is known. @throws QueueUnavailableError when Redis does not answer in time */
  async #readTime(): Promise<void> {
    const { redis, clock } = this.#store;
    await askRedis(redis, this.options.submitTimeoutMs, clock.sample());
  }

  #submitNow(update: unknown, options?: SubmitOptions): Promise<Submission> {
    // One promise and few objects for each update: at 100,000 a second the garbage collector counts.
    return new Promise((resolve, reject) => {
      const { idempotencyKey, idempotencyOwner, trace, authorize, delay, priority }: CheckedOptions =
        options === undefined ? NO_OPTIONS : checkOptions('submit', submitOptionsSchema, options);
      const keyed = idempotencyKey === undefined ? update : withKey(update, idempotencyKey);
      const checked = checkUpdate(keyed, this.#contextOf(idempotencyOwner));
      authorize?.([checked]);
      if (delay !== undefined) {
        this.#requireWindow([checked], delay);
      }
      const sinceMs = performance.now();
      this.#requireRoom(1);
      const { lane, backlog } = this.#lanes.laneOf(checked);
      backlog.requireRoom(sinceMs);
      const item = pendingUpdate(checked, { sinceMs, trace, carrier: this.#carrier() }, resolve, reject);
      if (delay !== undefined || priority !== undefined) {
        this.#sendAlone(checked.operation, item, { delay, priority });
        return;
      }
      lane.push(item);
      lane.dispatch();
    });
  }

  async #submitMany(updates: readonly unknown[], options: SubmitOptions = {}): Promise<Submission[]> {
    const { refuseConflicts, idempotencyOwner, trace, authorize, delay, priority } = checkOptions(
      'submit',
      submitManySchema,
      options,
    );
    if (updates.some((update) => this.#lacksTimeOf(update))) {
      await this.#readTime();
    }
    const since = { sinceMs: performance.now(), trace, carrier: this.#carrier() };
    const checked = checkUpdates(updates, this.#contextOf(idempotencyOwner));
    authorize?.(checked);
    this.#requireWindow(checked, delay);
    if (refuseConflicts) {
      await this.#sender.refuseConflicts(checked);
    }
    this.#requireRoom(checked.length);
    const lanes = new Set(checked.map((update) => this.#lanes.laneOf(update)));
    for (const { backlog } of lanes) {
      backlog.requireRoom(performance.now());
    }
    const goAlone = delay !== undefined || priority !== undefined;
    const submissions = checked.map(
      (update) =>
        new Promise<Submission>((resolve, reject) => {
          const item = pendingUpdate(update, since, resolve, reject);
          if (goAlone) {
            this.#sendAlone(update.operation, item, { delay, priority });
          } else {
            this.#lanes.laneOf(update).lane.push(item);
          }
        }),
    );
    for (const { lane } of lanes) {
      lane.dispatch(); // now, so that those of one operation leave together
    }
    return allOf(submissions);
  }

  /** A delay or a priority is a job's, so an update with one can't share its job. */
  #sendAlone(operation: Operation, item: PendingUpdate, { delay, priority }: AloneOptions): void {
    const options = { ...(delay !== undefined && { delay }), ...(priority !== undefined && { priority }) };
    const sending = this.#sender.send(operation, [item], options).then((submissions) => {
      submissions.forEach(item.resolve);
    }, item.reject);
    this.#sendingAlone.add(sending);
    void sending.then(() => this.#sendingAlone.delete(sending));
  }

  #contextOf(idempotencyOwner: string | undefined): CheckContext {
    return idempotencyOwner === undefined ? this.#context : { ...this.#context, idempotencyOwner };
  }

  /** @throws ValidationError when a keyed update would run at a time when its key may be forgotten */
  #requireWindow(updates: readonly CheckedUpdate[], delay = 0): void {
    const { idempotencyWindowMs } = this.options;
    if (delay > idempotencyWindowMs && updates.some(({ idempotencyKey }) => idempotencyKey !== undefined)) {
      const message =
        `delay is ${delay} ms, but idempotency keys are remembered for ${idempotencyWindowMs} ms: delay it by less, raise ` +
        'idempotencyWindowMs (TALLY_IDEMPOTENCY_WINDOW_MS), or send it without a key';
      throw new ValidationError([{ path: 'delay', code: 'DELAY_PAST_WINDOW', message }]);
    }
  }

  /** Where the caller is in a trace: the update may leave in the course of another caller's. */
  #carrier(): string | undefined {
    const { telemetry } = this.options;
    return telemetry && activeCarrier(telemetry);
  }

  #requireRoom(updates: number): void {
    if (this.#closed) {
      throw new TallyError('CLOSED', 'this producer is closed; nothing was accepted');
    }
    const { bufferLimit } = this.options;
    const waiting = this.#sendingAlone.size + this.#lanes.waiting;
    if (waiting + updates > bufferLimit) {
      throw new BackpressureError(
        `${waiting} updates wait for Redis, the limit is ${bufferLimit}; nothing was accepted, send it again later`,
      );
    }
  }
}

type CheckedOptions = Partial<z.output<typeof submitOptionsSchema>>;

const NO_OPTIONS: CheckedOptions = {};

interface AloneOptions {
  readonly delay?: number | undefined;
  readonly priority?: number | undefined;
}
