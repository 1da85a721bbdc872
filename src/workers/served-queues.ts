import type { Telemetry } from 'bullmq';
import { saysCancelled } from '../jobs/form.js';
import { namesOfJob } from '../jobs/job-data.js';
import { backoffMs, LEAST_RECEIPT_MS } from '../jobs/job-options.js';
import { openQueue } from '../jobs/queues.js';
import type { TallyQueue } from '../jobs/queues.js';
import type { Partition } from '../layout/partitions.js';
import type { Store } from '../layout/store.js';
import { TALLY_WORKER } from '../metrics/connected-workers.js';
import { tolerateBrokenMetadata } from '../metrics/job-spans.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Registry } from '../operations/registry.js';
import { inventoryExpire } from '../operations/reservations.js';
import type { Script } from '../redis/scripts.js';
import type { RedisTarget } from '../redis/target.js';
import { withinTime } from '../lib/timeouts.js';
import { applyJob } from './apply.js';
import type { ApplyDeps } from './apply.js';
import type { JobPlace, TallyJob } from './attempt.js';
import { LockRenewals } from './lock-renewals.js';
import { noteRun } from './note-run.js';
import type { Pulse } from './pulse.js';
import { QueueWorker } from './queue-worker.js';
import { ReceiptExpirer } from './receipt-expirer.js';
import { JobSettler } from './job-settler.js';

/** What is served, and by what. */
interface Service extends Pick<Store, 'redis' | 'keys' | 'layouts' | 'logger'> {
  readonly apply: ApplyDeps;
  readonly settle: Script;
  readonly registry: Registry;
  /** Names of the queues. */
  readonly queues: readonly string[];
  readonly options: {
    readonly redis: RedisTarget;
    readonly concurrency?: number | undefined;
    readonly lockDurationMs: number;
    readonly stalledIntervalMs: number;
    readonly settledReceiptMs: number;
    readonly telemetry?: Telemetry | undefined;
    readonly metrics?: Metrics | undefined;
  };
  readonly pulse: Pick<Pulse, 'completed' | 'failed'>;
  readonly completed: (job: { queue: string; jobId: string; operation: string; updates: number }) => void;
}

const CONCURRENCY = 50;

/** Of eight partitions, 50 full batches of each are 100,000 updates: more than a lease is long. */
const CONCURRENCY_OF_PART = 10;

/** Jobs of a queue that run at a time; where queues are split, of a partition. */
export function concurrencyOf({ concurrency }: Pick<Service['options'], 'concurrency'>, isSplit: boolean): number {
  return concurrency ?? (isSplit ? CONCURRENCY_OF_PART : CONCURRENCY);
}

/** A BullMQ worker for every queue in every partition that this process serves. */
export class ServedQueues {
  readonly queues: TallyQueue[] = [];
  readonly partitions: Partition[] = [];
  readonly #prefixes = new Set<string>();
  readonly #workers: QueueWorker[] = [];
  readonly #settlers: JobSettler[] = [];
  readonly #expirer: ReceiptExpirer;
  #renewals: LockRenewals | undefined;
  /** Attempts at jobs that are under way. */
  readonly #attempts = new Set<Promise<unknown>>();
  #closed = false;
  #isQuiet = false;

  constructor(private readonly deps: Service) {
    const { redis, keys, apply, options, logger } = deps;
    const settledReceiptMs = receiptMsOf(options);
    this.#expirer = new ReceiptExpirer({ redis, keys, crossSlot: apply.crossSlot, settledReceiptMs, logger });
  }

  /**
   * Begins to serve those partitions that are not served yet.
   *
   * @param waitMs how long to wait for their connections. @defaultValue for as long as it takes
   * @returns how many these were
   */
  async serve(partitions: readonly Partition[], waitMs?: number): Promise<number> {
    const added = this.#closed ? [] : partitions.filter(({ prefix }) => !this.#prefixes.has(prefix));
    const workers = added.flatMap((partition) => this.#open(partition));
    const ready = Promise.all(workers.map((worker) => worker.waitUntilReady()));
    await (waitMs === undefined ? ready : withinTime(ready, waitMs));
    return added.length;
  }

  /** Takes no more jobs and lets the running ones finish, for as long as they take. */
  async close(): Promise<void> {
    this.#closed = true;
    // One that fails, as BullMQ's does when its connection is refused at this moment, keeps none of the rest from its end.
    await Promise.allSettled(this.#workers.map((worker) => worker.close().catch(() => worker.abandonJobs())));
    await Promise.allSettled(this.#settlers.map((settler) => settler.flush()));
  }

  /** After {@link close}: shortens the receipts of what was settled, once that is safe. */
  expireReceipts(): Promise<void> {
    return this.#expirer.flush();
  }

  /** How many attempts at jobs are under way, and whether no more are begun for now. */
  get state(): { running: number; isQuiet: boolean } {
    return { running: this.#attempts.size, isQuiet: this.#isQuiet };
  }

  /** Whether no job is running. */
  get isIdle(): boolean {
    return this.#attempts.size === 0;
  }

  /** Takes no more jobs, but for one of each queue for which it waits already, until it is told otherwise; running ones go on. */
  setQuiet(isQuiet: boolean): void {
    this.#isQuiet = isQuiet;
    for (const worker of this.#workers) {
      hold(worker, isQuiet);
    }
  }

  /** Resolves when no job is running any more. */
  async untilIdle(): Promise<void> {
    while (!this.isIdle) {
      await Promise.allSettled(this.#attempts);
    }
  }

  /** Renews no more locks, and sets no more timers for what could not be done in time. */
  end(): void {
    this.#expirer.end();
    this.#renewals?.end();
    for (const settler of this.#settlers) {
      settler.end();
    }
  }

  /** Leaves running jobs to other workers. */
  async abandonJobs(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.abandonJobs()));
  }

  #open(partition: Partition): QueueWorker[] {
    const { redis, keys, layouts, queues, settle, apply, options, logger } = this.deps;
    this.#prefixes.add(partition.prefix);
    this.partitions.push(partition);
    const settler = new JobSettler({
      scripts: apply.scripts,
      settle,
      keys,
      partition,
      receipts: layouts.receipts,
      expirer: this.#expirer,
      logger,
      settledReceiptMs: receiptMsOf(options),
    });
    this.#settlers.push(settler);
    const opened = queues.map((name) => openQueue(name, partition.prefix, redis, logger));
    this.queues.push(...opened);
    const { queue: name } = inventoryExpire;
    const expiries = opened.find((queue) => queue.name === name) ?? openQueue(name, partition.prefix, redis, logger);
    const workers = opened.map((queue) => this.#work({ queue, expiries, partition }, settler));
    this.#workers.push(...workers);
    if (this.#isQuiet) {
      this.setQuiet(true);
    }
    return workers;
  }

  #work(from: Omit<JobPlace, 'slots'>, settler: JobSettler): QueueWorker {
    const { redis, layouts, apply, registry, options, pulse, completed, logger } = this.deps;
    const { lockDurationMs, stalledIntervalMs, telemetry } = options;
    const { queue, partition } = from;
    const concurrency = concurrencyOf(options, partition.name !== undefined);
    const { name } = queue;
    const place: JobPlace = { ...from, slots: layouts.receipts.newJobSlots() };
    const namesOf = (job: TallyJob) =>
      namesOfJob({ prefix: partition.prefix, queue: name, jobId: job.id ?? '' }, job.data, job.timestamp);
    const worker = new QueueWorker(name, (job, token = '') => this.#note(applyJob(job, token, place, apply)), {
      name: TALLY_WORKER,
      connection: redis.forSlot(partition.slot),
      prefix: partition.prefix,
      concurrency,
      lockDuration: lockDurationMs,
      stalledInterval: stalledIntervalMs,
      maxStalledCount: Number.MAX_SAFE_INTEGER, // a crash of workers never fails a job
      runRetryDelay: 1_000, // BullMQ waits 15 s after a lost connection by default
      ...(telemetry && { telemetry: tolerateBrokenMetadata(telemetry) }),
      settings: { backoffStrategy: (attemptsMade) => backoffMs(attemptsMade) },
    });
    worker.keepsText = apply.telling !== undefined;
    if (apply.confirmation.isNeeded) {
      this.#renewals ??= new LockRenewals(options.redis, logger);
      worker.renewLocks = this.#renewals.of(name, partition.prefix);
    }
    const log = logger.child({ queue: name, ...(partition.name && { partition: partition.name }) });
    worker.on('completed', (job, record) => {
      noteRun(this.deps, job, record);
      pulse.completed(job, record);
      const { id: jobId = '', name: operation, data } = job;
      const [own, other] = namesOf(job);
      const otherName = saysCancelled(record) ? other : undefined;
      const updates = data.updates.length;
      settler.add({ name: own, otherName, state: 'completed', updates, slots: place.slots.of(job) });
      completed({ queue: name, jobId, operation, updates: data.updates.length });
    });
    worker.on('failed', (job, error) => {
      if (job?.finishedOn !== undefined) {
        noteRun(this.deps, job, job.failedReason);
        pulse.failed(job);
        const [own] = namesOf(job);
        settler.add({ name: own, otherName: undefined, state: 'failed', updates: 1, slots: [] });
      }
      const facts = { jobId: job?.id, operation: job?.name, attempt: job?.attemptsMade };
      log[job?.finishedOn === undefined ? 'warn' : 'error'](facts, error.message);
    });
    worker.on('stalled', (jobId) => {
      log.warn({ jobId }, 'taking over a job whose worker went silent');
    });
    worker.on('error', (error) => {
      log.debug({ err: error }, error.message);
    });
    options.metrics?.jobs.watch(worker, registry.operations);
    return worker;
  }

  #note<Result>(attempt: Promise<Result>): Promise<Result> {
    const noted = attempt.finally(() => this.#attempts.delete(noted));
    this.#attempts.add(noted);
    return noted;
  }
}

function receiptMsOf({ settledReceiptMs }: Pick<Service['options'], 'settledReceiptMs'>): number {
  return Math.max(settledReceiptMs, LEAST_RECEIPT_MS);
}

function hold(worker: QueueWorker, isQuiet: boolean): void {
  if (isQuiet) {
    void worker.pause(true);
  } else {
    void worker.resume();
  }
}
