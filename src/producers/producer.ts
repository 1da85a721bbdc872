import type { JobsOptions } from 'bullmq';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { z } from 'zod';
import { BackpressureError, QueueUnavailableError, TallyError } from '../errors.js';
import { toJobData } from '../jobs/job-data.js';
import { newJobId, parseUpdateId, updateId } from '../jobs/job-id.js';
import { openQueue } from '../jobs/queues.js';
import type { TallyQueue } from '../jobs/queues.js';
import { followOutcome } from './outcome.js';
import type { Operation } from '../operations/operation.js';
import { decodeOutcome } from '../operations/outcome.js';
import { createRegistry } from '../operations/registry.js';
import type { BuiltInOperation, Registry } from '../operations/registry.js';
import { checkUpdates } from '../operations/update.js';
import type { CheckedUpdate } from '../operations/update.js';
import { checkOptions, commonShape, milliseconds } from '../options.js';
import type { CommonOptions } from '../options.js';
import { connectPatiently, connectPromptly } from '../redis/connection.js';
import type { Connection } from '../redis/connection.js';
import { createKeys } from '../redis/keys.js';
import type { Keys } from '../redis/keys.js';
import { withinTime } from '../within-time.js';
import { findRecorded } from './idempotency.js';
import type { Recorded } from './idempotency.js';
import { Lane } from './lane.js';
import { OutcomeListener } from './outcome-listener.js';
import { shortcuts } from './shortcuts.js';
import type { Shortcuts, SubmitOptions } from './shortcuts.js';
import { Submission } from './submission.js';
import type { OperationNamed, ResultOf, UpdateOf } from './types.js';

export interface ProducerOptions<Custom extends Operation = never> extends CommonOptions<Custom> {
  /** Updates in one job at most, 1 to 1,000; 1 gives each update a job of its own. @defaultValue 256 */
  maxBatch?: number;
  /** How long `submit` may take, 10 to 600,000 ms. @defaultValue 5,000 */
  submitTimeoutMs?: number;
  /** Updates that may wait in this process for Redis, 1 to 10,000,000. @defaultValue 100,000 */
  bufferLimit?: number;
}

/** A job with more cells than this gets no further update, so that no script call blocks Redis for long. */
const MAX_CELLS_PER_JOB = 1_000;

/** Everything is sent by then; this is for closing connections politely. */
const CLOSE_TIMEOUT_MS = 1_000;

const optionsSchema = z.strictObject({
  ...commonShape,
  maxBatch: z.int().min(1).max(1000).default(256),
  submitTimeoutMs: milliseconds(10, 600_000).default(5_000),
  bufferLimit: z.int().min(1).max(10_000_000).default(100_000),
});

const submitOptionsSchema = z.strictObject({
  idempotencyKey: z.string().optional(),
  delay: milliseconds(0, Number.MAX_SAFE_INTEGER).optional(),
  priority: z.int().min(1).max(2_097_151).optional(),
});

/** An update in a lane, and since when its caller waits. */
interface Waiting {
  readonly update: CheckedUpdate;
  readonly sinceMs: number;
}

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

  readonly #registry: Registry;
  readonly #keys: Keys;
  readonly #redis: Connection;
  readonly #logger: Logger;
  readonly #queues = new Map<string, TallyQueue>();
  readonly #lanes = new Map<string, Lane<Waiting, Submission>>();
  readonly #listeners = new Map<string, OutcomeListener>();
  #patientRedis: Connection | undefined;
  #closed = false;

  /** @internal use {@link createProducer} */
  constructor(private readonly options: z.output<typeof optionsSchema>) {
    this.#logger = options.logger ?? pino({ name: 'tally' });
    this.#registry = createRegistry(options.operations);
    this.#keys = createKeys(options);
    this.#redis = connectPromptly(options.redis, 'tally-producer', options.submitTimeoutMs, this.#logger);
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
   * @throws BackpressureError when `bufferLimit` updates wait already; nothing was queued
   * @throws QueueUnavailableError when Redis does not answer in time; see there
   */
  submit<Name extends Known['name']>(
    update: UpdateOf<OperationNamed<Known, Name>> & { operation: Name },
    options?: SubmitOptions,
  ): Promise<Submission<ResultOf<OperationNamed<Known, Name>>>>;
  submit(updates: readonly UpdateOf<Known>[], options?: Omit<SubmitOptions, 'idempotencyKey'>): Promise<Submission[]>;
  submit(update: unknown, options?: SubmitOptions): Promise<unknown> {
    return Array.isArray(update) ? this.#submitMany(update, options) : this.#submitOne(update, options);
  }

  /** Sends what is waiting and closes all connections. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.flush()));
    const open = [...this.#listeners.values(), ...this.#queues.values()];
    await withinTime(Promise.all(open.map((it) => it.close())), CLOSE_TIMEOUT_MS);
    this.#redis.disconnectAll();
    this.#patientRedis?.disconnectAll();
  }

  async #submitOne(update: unknown, options: SubmitOptions = {}): Promise<Submission> {
    const { idempotencyKey, ...rest } = checkOptions('submit', submitOptionsSchema, options);
    const keyed = idempotencyKey === undefined ? update : { ...(update as object), idempotencyKey };
    const [submission] = (await this.#submitAll([keyed], () => '', rest)) as [Submission];
    return submission;
  }

  async #submitMany(updates: readonly unknown[], options: SubmitOptions = {}): Promise<Submission[]> {
    const checked = checkOptions('submit', submitOptionsSchema.omit({ idempotencyKey: true }), options);
    return this.#submitAll(updates, (index) => `[${index}]`, checked);
  }

  async #submitAll(
    updates: readonly unknown[],
    pathOf: (index: number) => string,
    { delay, priority }: { delay?: number | undefined; priority?: number | undefined },
  ): Promise<Submission[]> {
    if (this.#closed) {
      throw new TallyError('CLOSED', 'this producer is closed; nothing was accepted');
    }
    const checked = checkUpdates(updates, this.#registry, this.#keys.isReserved, pathOf);
    this.#requireRoom(checked.length);
    if (delay !== undefined || priority !== undefined) {
      const options = { ...(delay !== undefined && { delay }), ...(priority !== undefined && { priority }) };
      const alone = checked.map((update) => this.#send(update.operation, [{ update, sinceMs: Date.now() }], options));
      return (await Promise.all(alone)).flat();
    }
    return this.#gather(checked);
  }

  /** Hands updates to the lanes of their operations, those of one operation together. */
  #gather(updates: readonly CheckedUpdate[]): Promise<Submission[]> {
    const sinceMs = Date.now();
    const entries = new Map<Lane<Waiting, Submission>, Parameters<Lane<Waiting, Submission>['push']>[0][number][]>();
    const submissions = updates.map(
      (update) =>
        new Promise<Submission>((resolve, reject) => {
          const lane = this.#lane(update.operation);
          const entry = { item: { update, sinceMs }, resolve, reject };
          const others = entries.get(lane);
          if (others === undefined) {
            entries.set(lane, [entry]);
          } else {
            others.push(entry);
          }
        }),
    );
    for (const [lane, gathered] of entries) {
      lane.push(gathered);
    }
    return Promise.all(submissions);
  }

  #requireRoom(count: number): void {
    const { bufferLimit } = this.options;
    const waiting = [...this.#lanes.values()].reduce((sum, lane) => sum + lane.waiting, 0);
    if (waiting + count > bufferLimit) {
      throw new BackpressureError(
        `${waiting} updates wait for Redis, the limit is ${bufferLimit}; nothing was accepted, send it again later`,
      );
    }
  }

  #lane(operation: Operation): Lane<Waiting, Submission> {
    const known = this.#lanes.get(operation.name);
    if (known !== undefined) {
      return known;
    }
    const lane = new Lane<Waiting, Submission>({
      maxBatch: this.options.maxBatch,
      maxCells: MAX_CELLS_PER_JOB,
      cellsOf: ({ update }) => update.steps.reduce((sum, step) => sum + step.cells.length, 0),
      send: (items) => this.#send(operation, items, {}),
      notSent: (cause) =>
        new QueueUnavailableError('Redis did not answer the updates before this one, so it was not sent', { cause }),
    });
    this.#lanes.set(operation.name, lane);
    return lane;
  }

  async #send(operation: Operation, items: readonly Waiting[], options: JobsOptions): Promise<Submission[]> {
    const [first] = items;
    const leftMs = (first?.sinceMs ?? 0) + this.options.submitTimeoutMs - Date.now();
    const updates = items.map(({ update }) => update);
    try {
      return await withDeadline(this.#enqueue(operation, updates, options), leftMs);
    } catch (error) {
      throw unavailable(error as Error, this.#redis);
    }
  }

  /** Adds one job with all updates that are not recorded under their idempotency keys already. */
  async #enqueue(operation: Operation, updates: readonly CheckedUpdate[], options: JobsOptions): Promise<Submission[]> {
    const recorded = await findRecorded(this.#redis, this.#keys, updates);
    const fresh = updates.filter((_, index) => !recorded.has(index));
    const jobId = newJobId();
    if (fresh.length > 0) {
      await this.#queue(operation.queue).add(operation.name, toJobData(fresh), { ...options, jobId });
    }
    let place = 0;
    return updates.map((update, index) => {
      const known = recorded.get(index);
      return known === undefined ? this.#submission(update, jobId, place++) : knownSubmission(update, known);
    });
  }

  #submission({ operation, params }: CheckedUpdate, jobId: string, index: number): Submission {
    return new Submission(updateId(jobId, index), jobId, index, (timeoutMs) =>
      followOutcome(this.#listener(operation.queue), operation, params, { jobId, index }, timeoutMs),
    );
  }

  #queue(name: string): TallyQueue {
    const queue = this.#queues.get(name) ?? openQueue(name, this.options.prefix, this.#redis, this.#logger);
    this.#queues.set(name, queue);
    return queue;
  }

  #listener(queue: string): OutcomeListener {
    const known = this.#listeners.get(queue);
    if (known !== undefined) {
      return known;
    }
    const { redis: target, prefix } = this.options;
    this.#patientRedis ??= connectPatiently(target, 'tally-outcomes', this.#logger);
    const listener = new OutcomeListener({
      queue,
      prefix,
      redis: this.#patientRedis,
      keys: this.#keys,
      logger: this.#logger,
    });
    this.#listeners.set(queue, listener);
    return listener;
  }
}

/** A submission of an update that was recorded before: no job was made. */
function knownSubmission({ operation, params }: CheckedUpdate, { updateId: id, outcome }: Recorded): Submission {
  const { jobId, index } = parseUpdateId(id) ?? { jobId: id, index: 0 };
  return new Submission(id, jobId, index, () => Promise.resolve(decodeOutcome(outcome, operation, params)));
}

async function withDeadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${timeoutMs} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** An answer of Redis such as OOM means that nothing was accepted; anything else leaves it open. */
function unavailable(error: Error, redis: Connection): QueueUnavailableError {
  if (error.name === 'ReplyError') {
    return new QueueUnavailableError(`Redis refused the job: ${error.message}; the update was not accepted`, {
      cause: error,
    });
  }
  const cause = redis.lastError ?? error;
  return new QueueUnavailableError(
    `Redis did not take the job (${redis.address}: ${cause.message || String(cause)}); the update may or may not have been accepted: ` +
      'send it again with the same idempotency key, and it takes effect once',
    { cause },
  );
}
