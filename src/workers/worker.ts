import { EventEmitter } from 'node:events';
import { z } from 'zod';
import { retireScript, settleScript } from '../bullmq/scripts.js';
import { ConfigurationError } from '../errors.js';
import type { Layout } from '../layout/layout.js';
import type { Partition } from '../layout/partitions.js';
import { distinctPartitions } from '../layout/layouts.js';
import { openStore } from '../layout/store.js';
import type { Store } from '../layout/store.js';
import { createRegistry } from '../operations/registry.js';
import type { Registry } from '../operations/registry.js';
import { inventoryExpire, withExpiries } from '../operations/reservations.js';
import { commonShape, durabilityShape, idempotencyWindow, milliseconds, telemetryShape } from '../options.js';
import { checkOptions } from '../lib/check-options.js';
import { metricsShape } from '../metrics/metrics.js';
import { AnnouncedClock } from '../redis/announced.js';
import { requireMasters } from '../redis/masters.js';
import { ReplicaConfirmation } from '../redis/replicas.js';
import { CrossSlotScripts, crossSlotScript } from '../redis/cross-slot-scripts.js';
import { ScriptRunner } from '../redis/scripts.js';
import { applyScript, checkPlans } from '../operations/apply-script.js';
import { untilUnreachable } from '../redis/until-unreachable.js';
import { withinTime } from '../lib/timeouts.js';
import type { WorkerOrder } from '../metrics/pulse-form.js';
import { ClockKeeper } from './clock-keeper.js';
import { Janitor } from './janitor.js';
import { keepOutcomesSchema } from './keep-outcomes.js';
import { ForeignWorkers } from './foreign-workers.js';
import { OverdueHolds } from './overdue-holds.js';
import { shareSchema } from './partition-share.js';
import { Pulse } from './pulse.js';
import { requireReceiptsOutliveLeases } from './receipts-outlive-leases.js';
import { JobDelays } from './delay-if-transient.js';
import { requireOneNamespace } from './queues-namespace.js';
import { concurrencyOf, ServedQueues } from './served-queues.js';
import type { WorkerOptions } from './worker-options.js';
import { keepTelling, tellOutcomesSchema } from './tell-outcomes.js';
import { Telling } from './telling.js';

export type { WorkerOptions } from './worker-options.js';

/** How long a start waits for what needs all masters of a Cluster. */
const PARTLY_AWAY_MS = 5_000;

/** How long a close waits to say that this worker is gone. */
const PULSE_TIMEOUT_MS = 1_000;

/** How long a close waits for what shortens receipts: the disk, and a replica. */
const EXPIRE_TIMEOUT_MS = 10_000;

/** How soon partitions are served of a number that a producer begins to use. */
const FOLLOW_EVERY_MS = 5_000;

const DAY_MS = 24 * 3600 * 1000;

const optionsSchema = z.strictObject({
  ...commonShape,
  ...metricsShape,
  ...telemetryShape,
  ...durabilityShape,
  queues: z.array(z.string()).min(1).optional(),
  partitionShare: shareSchema.optional(),
  concurrency: z.int().min(1).max(1000).optional(),
  lockDurationMs: milliseconds(500, 300_000).default(5_000),
  stalledIntervalMs: milliseconds(100, 300_000).default(2_000),
  idempotencyWindowMs: idempotencyWindow().optional(),
  settledReceiptMs: milliseconds(1_000, DAY_MS).default(600_000),
  keepOutcomes: keepOutcomesSchema.prefault({}),
  outcomes: tellOutcomesSchema,
  callByMaster: z.boolean().default(true),
  closeTimeoutMs: milliseconds(0, 600_000).default(10_000),
});

type CheckedOptions = z.output<typeof optionsSchema>;

/**
 * A worker that applies the jobs of all queues. It starts by itself; {@link TallyWorker.ready} tells when, or
 * why it can't.
 *
 * @throws ConfigurationError for options that don't fit
 */
export function createWorker(options: WorkerOptions): TallyWorker {
  const checked = checkOptions('createWorker', optionsSchema, options);
  requireReceiptsOutliveLeases(checked);
  return new TallyWorker(checked);
}

/** A job that this worker completed. */
export interface CompletedJob {
  readonly queue: string;
  readonly jobId: string;
  readonly operation: string;
  /** How many updates it carried. */
  readonly updates: number;
}

/** `stopped`: an operator has ended it from the dashboard. */
export class TallyWorker extends EventEmitter<{ completed: [CompletedJob]; stopped: [] }> {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #scripts: ScriptRunner;
  readonly #retire = retireScript();
  readonly #served: ServedQueues;
  readonly #clockKeeper: ClockKeeper;
  readonly #otherWorkers: ForeignWorkers;
  readonly #pulse: Pulse;
  readonly #started: Promise<void>;
  #following: NodeJS.Timeout | undefined;
  #janitor: Janitor | undefined;
  #overdue: OverdueHolds | undefined;
  #trimmer: { close(): void } | undefined;
  #closing: Promise<void> | undefined;

  /** @internal use {@link createWorker} */
  constructor(private readonly options: CheckedOptions) {
    super();
    this.#registry = createRegistry(options.operations);
    const queues = this.#queueNames(); // what they name wrongly is said before anything is opened
    this.#store = openStore({ ...options, connectionName: 'tally-worker' });
    const { redis, layouts, clock, logger } = this.#store;
    redis.onRefusal = (code) => options.metrics?.refusals.count(code);
    options.metrics?.clocks.watch(clock);
    const script = applyScript(this.#registry);
    const settle = settleScript();
    const metrics = options.metrics?.jobs;
    this.#scripts = new ScriptRunner(redis, [script, settle, this.#retire], () => metrics?.scriptsReloaded());
    const crossSlot = new CrossSlotScripts(redis, options.callByMaster);
    const announcedClock = new AnnouncedClock(this.#store);
    const concurrency = concurrencyOf(options, layouts.configured.count !== undefined);
    this.#pulse = new Pulse({
      ...this.#store,
      facts: () => ({ queues: [...this.#queueNames()], concurrency, ...this.#served.state }),
      obey: (order) => void this.#obey(order),
    });
    this.#served = new ServedQueues({
      ...this.#store,
      apply: {
        ...this.#store,
        registry: this.#registry,
        scripts: this.#scripts,
        script,
        crossSlot,
        crossSlotScript: crossSlotScript(script),
        announcedClock,
        metrics,
        confirmation: new ReplicaConfirmation(redis, options),
        delays: new JobDelays({ redis, metrics, logger }),
        lockDurationMs: options.lockDurationMs,
        idempotencyWindowMs: options.idempotencyWindowMs,
        telling: options.outcomes && new Telling({ ...this.#store, crossSlot, registry: this.#registry }),
      },
      settle,
      registry: this.#registry,
      queues,
      options,
      pulse: this.#pulse,
      completed: (job) => this.emit('completed', job),
    });
    this.#clockKeeper = new ClockKeeper(layouts.receipts, announcedClock, clock);
    this.#otherWorkers = new ForeignWorkers(this.#served, redis, logger);
    this.#started = this.#start();
    this.#started.catch((error: unknown) => {
      if (!this.#isClosing()) {
        logger.error({ err: error }, 'the worker did not start');
      }
    });
  }

  /**
   * Resolves once jobs are being taken. Waits for as long as Redis is unreachable.
   *
   * @throws ConfigurationError when the server can't be used, e.g. because it may evict keys
   */
  ready(): Promise<void> {
    return this.#started;
  }

  /**
   * Takes no more jobs, lets running ones finish for `closeTimeoutMs`, and closes all connections. What does
   * not finish is taken over by another worker, and takes effect once all the same.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #start(): Promise<void> {
    const { redis, layouts, clock, logger } = this.#store;
    try {
      for (const { message } of await requireMasters(redis, this.options)) {
        logger.warn(message);
      }
      await this.#unlessAway(this.#requireOneNamespace());
      this.#trimmer = await keepTelling(this.#store, this.options.outcomes, this.options);
      await checkPlans(redis, this.#registry);
      await this.#scripts.load();
      await clock.sample();
    } catch (error) {
      this.#trimmer?.close();
      this.#store.close();
      throw error;
    }
    if (this.#isClosing()) {
      return;
    }
    await this.#served.serve(this.#shareOf([layouts.configured]), redis.isCluster ? PARTLY_AWAY_MS : undefined);
    await this.#unlessAway(this.#follow());
    this.#janitor = new Janitor(this.#served.queues, {
      redis,
      clock,
      scripts: this.#scripts,
      retire: this.#retire,
      logger,
      keepOutcomes: this.options.keepOutcomes,
      partitions: async () => distinctPartitions(await layouts.read()),
    });
    await this.#unlessAway(this.#janitor.clean());
    if (!this.#isClosing()) {
      if (this.#queueNames().includes(inventoryExpire.queue)) {
        this.#overdue = new OverdueHolds(this.#store);
      }
      this.#following = setInterval(() => void this.#follow(), FOLLOW_EVERY_MS);
      this.#otherWorkers.watch();
      this.#pulse.start();
      logger.info({ queues: this.#queueNames(), concurrency: this.options.concurrency }, 'worker ready');
    }
  }

  async #obey(order: WorkerOrder): Promise<void> {
    this.#store.logger.warn({ order }, 'an operator has said so in the dashboard');
    this.#served.setQuiet(order !== 'resume');
    if (order === 'stop') {
      await this.close();
      this.emit('stopped');
    }
  }

  #isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Waits for something, but in a Cluster not for ever: one master of several may be unreachable. */
  async #unlessAway(work: Promise<unknown>): Promise<void> {
    await (this.#store.redis.isCluster ? withinTime(work, PARTLY_AWAY_MS) : work);
  }

  #shareOf(layouts: readonly Layout[]): Partition[] {
    const { number, of } = this.options.partitionShare ?? { number: 1, of: 1 };
    return layouts.flatMap((layout) => layout.shareOf(number, of));
  }

  /** In a Cluster whose master of this one key is unreachable, the rest of which works, it can't be known. */
  async #requireOneNamespace(): Promise<void> {
    const { redis, keys, logger } = this.#store;
    try {
      await requireOneNamespace(redis, keys, this.options);
    } catch (error) {
      if (error instanceof ConfigurationError || !redis.isCluster) {
        throw error;
      }
      logger.warn({ err: error }, 'could not see whether other workers of these queues have the same namespace');
    }
  }

  /** Serves its share of the partitions that producers use or have used; now and then, since they may begin at any time. */
  async #follow(): Promise<void> {
    const { layouts, logger } = this.#store;
    try {
      await layouts.announce();
      await this.#clockKeeper.keep();
      const added = await this.#served.serve(this.#shareOf(await layouts.read()));
      if (added > 0) {
        logger.info({ partitions: added }, 'serving partitions that a producer uses');
      }
    } catch (error) {
      logger.debug({ err: error }, 'could not look for partitions, trying again soon');
    }
  }

  #queueNames(): readonly string[] {
    const { queues = this.#registry.queues } = this.options;
    const unknown = queues.filter((queue) => !this.#registry.queues.includes(queue));
    if (unknown.length > 0) {
      throw new ConfigurationError(
        `no operation uses the queue "${unknown[0]}"; known: ${this.#registry.queues.join(', ')}`,
      );
    }
    return withExpiries(queues);
  }

  async #close(): Promise<void> {
    const { closeTimeoutMs } = this.options;
    const endsAtMs = performance.now() + closeTimeoutMs;
    const closed = new AbortController();
    const away = untilUnreachable(this.#store.redis, closed.signal);
    await withinTime(Promise.race([this.#started.catch(() => undefined), away]), closeTimeoutMs);
    clearInterval(this.#following);
    this.#otherWorkers.close();
    await this.#closeQueues(away, endsAtMs);
    await withinTime(
      Promise.race([this.#pulse.end().catch(() => undefined), away]),
      Math.min(closeTimeoutMs, PULSE_TIMEOUT_MS),
    );
    const expiring = Promise.race([this.#served.expireReceipts(), away]);
    await withinTime(expiring, Math.min(closeTimeoutMs, EXPIRE_TIMEOUT_MS)); // else they stay for 400 days
    this.#served.end();
    closed.abort();
    this.#janitor?.close();
    this.#overdue?.close();
    this.#trimmer?.close();
    this.#store.close();
  }

  /** Waits for running jobs; where Redis does not answer, for nothing else. */
  async #closeQueues(away: Promise<void>, endsAtMs: number): Promise<void> {
    const { closeTimeoutMs } = this.options;
    const closing = this.#served.close();
    const ended = Promise.race([closing, away.then(() => this.#served.untilIdle())]);
    await withinTime(ended, Math.max(0, endsAtMs - performance.now()));
    if (!(await withinTime(closing, 0))) {
      if (!this.#served.isIdle) {
        this.#store.logger.warn({ closeTimeoutMs }, 'jobs still running are left to other workers');
      }
      await this.#served.abandonJobs();
    }
  }
}
