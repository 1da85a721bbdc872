import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { z } from 'zod';
import { ConfigurationError } from '../errors.js';
import { PartitionCounts } from '../jobs/partition-counts.js';
import { partitionCountOf, Partitions } from '../jobs/partitions.js';
import type { Partition } from '../jobs/partitions.js';
import { UsedPartitions } from '../jobs/used-partitions.js';
import { createRegistry } from '../operations/registry.js';
import type { Registry } from '../operations/registry.js';
import {
  checkOptions,
  commonShape,
  durabilityShape,
  idempotencyWindow,
  milliseconds,
  telemetryShape,
} from '../options.js';
import type { CommonOptions, DurabilityOptions, TelemetryOption } from '../options.js';
import { AnnouncedClock } from '../redis/announced.js';
import { RedisClock } from '../redis/clock.js';
import { connectPatiently } from '../redis/connection.js';
import type { Connection } from '../redis/connection.js';
import { createKeys } from '../redis/keys.js';
import type { Keys } from '../redis/keys.js';
import { requireMasters } from '../redis/masters.js';
import { ReplicaConfirmation } from '../redis/replicas.js';
import { retireScript, ScriptRunner, settleScript } from '../redis/scripts.js';
import { applyScript, checkPlans } from '../operations/apply-script.js';
import { withinTime } from '../within-time.js';
import { ClockKeeper } from './clock-keeper.js';
import { Janitor } from './janitor.js';
import { OtherWorkers } from './other-workers.js';
import { shareOf, shareSchema } from './partition-share.js';
import type { PartitionShare } from './partition-share.js';
import { JobDelays } from './delay-if-transient.js';
import { requireOneNamespace } from './queues-namespace.js';
import { ServedQueues } from './served-queues.js';

export interface WorkerOptions extends CommonOptions, TelemetryOption, DurabilityOptions {
  /** The queues to serve. @defaultValue all */
  queues?: readonly string[];
  /** Which part of all partitions to serve, as `{ number: 1, of: 3 }`: others must serve the rest. @defaultValue all */
  partitionShare?: PartitionShare | undefined;
  /** Jobs of one queue, in one partition, that run at a time, 1 to 1,000. @defaultValue 50 */
  concurrency?: number;
  /**
   * How long a worker may hold a job without renewing its lock, 500 to 300,000 ms. It is also the lease: an
   * attempt writes within this time after its start or not at all. @defaultValue 5,000
   */
  lockDurationMs?: number;
  /**
   * How often to look for jobs of dead workers, 100 to 300,000 ms. Such a job runs again after
   * `lockDurationMs + 2 * stalledIntervalMs` at most. @defaultValue 2,000
   */
  stalledIntervalMs?: number;
  /**
   * How long idempotency keys are remembered at least, 1 second to 90 days, in ms. They are for as long as any producer was
   * told, so that this is seldom needed. @defaultValue what producers announce
   */
  idempotencyWindowMs?: number;
  /**
   * Life of a job's receipt after the job was settled, at least 1,000 ms and twice the `lockDurationMs` of any worker: a
   * job is settled after the start of every attempt that could still write, and none writes after its lease.
   * @defaultValue 600,000
   */
  settledReceiptMs?: number;
  /** How long `close` waits for running jobs, in ms. @defaultValue 10,000 */
  closeTimeoutMs?: number;
}

/** How long a start waits for what needs all masters of a Cluster. */
const PARTLY_AWAY_MS = 5_000;

/** How soon partitions are served of a number that a producer begins to use. */
const FOLLOW_EVERY_MS = 5_000;

const DAY_MS = 24 * 3600 * 1000;

const optionsSchema = z.strictObject({
  ...commonShape,
  ...telemetryShape,
  ...durabilityShape,
  queues: z.array(z.string()).min(1).optional(),
  partitionShare: shareSchema.optional(),
  concurrency: z.int().min(1).max(1000).default(50),
  lockDurationMs: milliseconds(500, 300_000).default(5_000),
  stalledIntervalMs: milliseconds(100, 300_000).default(2_000),
  idempotencyWindowMs: idempotencyWindow().optional(),
  settledReceiptMs: milliseconds(1_000, DAY_MS).default(600_000),
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

function requireReceiptsOutliveLeases({ settledReceiptMs, lockDurationMs }: CheckedOptions): void {
  const leastMs = 2 * lockDurationMs;
  if (settledReceiptMs < leastMs) {
    throw new ConfigurationError(
      `createWorker: settledReceiptMs is ${settledReceiptMs}, but receipts must outlive leases: set it to ${leastMs} or ` +
        `more, twice lockDurationMs, or lower lockDurationMs to ${Math.floor(settledReceiptMs / 2)}`,
    );
  }
}

/** A job that this worker completed. */
export interface CompletedJob {
  readonly queue: string;
  readonly jobId: string;
  readonly operation: string;
  /** How many updates it carried. */
  readonly updates: number;
}

export class TallyWorker extends EventEmitter<{ completed: [CompletedJob] }> {
  readonly #redis: Connection;
  readonly #registry: Registry;
  readonly #keys: Keys;
  readonly #scripts: ScriptRunner;
  readonly #retire = retireScript();
  readonly #clock: RedisClock;
  readonly #partitions: Partitions;
  readonly #counts: PartitionCounts;
  readonly #used: UsedPartitions;
  readonly #served: ServedQueues;
  readonly #announcedClock: AnnouncedClock;
  readonly #clockKeeper: ClockKeeper;
  readonly #otherWorkers: OtherWorkers;
  readonly #logger: Logger;
  readonly #started: Promise<void>;
  #following: NodeJS.Timeout | undefined;
  #janitor: Janitor | undefined;
  #closing: Promise<void> | undefined;

  /** @internal use {@link createWorker} */
  constructor(private readonly options: CheckedOptions) {
    super();
    this.#logger = options.logger ?? pino({ name: 'tally' });
    this.#redis = connectPatiently(options.redis, 'tally-worker', this.#logger);
    this.#registry = createRegistry(options.operations);
    this.#keys = createKeys(options);
    const script = applyScript(this.#registry);
    const settle = settleScript();
    const metrics = options.metrics?.jobs;
    this.#scripts = new ScriptRunner(this.#redis, [script, settle, this.#retire], () => metrics?.scriptsReloaded());
    this.#clock = new RedisClock(this.#redis, this.#logger);
    this.#announcedClock = new AnnouncedClock({ redis: this.#redis, keys: this.#keys });
    const confirmation = new ReplicaConfirmation(this.#redis, options);
    this.#partitions = new Partitions(options.prefix, partitionCountOf(options));
    this.#counts = new PartitionCounts(this.#redis, this.#keys);
    this.#used = new UsedPartitions(this.#redis, this.#counts, this.#partitions);
    this.#served = new ServedQueues({
      redis: this.#redis,
      apply: {
        ...{ redis: this.#redis, registry: this.#registry, keys: this.#keys, scripts: this.#scripts, script },
        ...{ clock: this.#clock, announcedClock: this.#announcedClock, confirmation, metrics },
        delays: new JobDelays({ redis: this.#redis, metrics, logger: this.#logger }),
        lockDurationMs: options.lockDurationMs,
        idempotencyWindowMs: options.idempotencyWindowMs,
      },
      ...{ settle, registry: this.#registry, queues: this.#queueNames(), options, logger: this.#logger },
      completed: (job) => this.emit('completed', job),
    });
    this.#clockKeeper = new ClockKeeper(this.#redis, this.#announcedClock, this.#clock);
    this.#otherWorkers = new OtherWorkers(this.#served, this.#redis, this.#logger);
    this.#started = this.#start();
    this.#started.catch((error: unknown) => {
      this.#logger.error({ err: error }, 'the worker did not start');
    });
  }

  /**
   * Resolves once jobs are being taken. Waits for as long as Redis is away.
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
    try {
      for (const { message } of await requireMasters(this.#redis, this.options)) {
        this.#logger.warn(message);
      }
      await this.#unlessAway(this.#requireOneNamespace());
      await checkPlans(this.#redis, this.#registry);
      await this.#scripts.load();
      await this.#clock.sample();
    } catch (error) {
      this.#clock.close();
      this.#redis.disconnectAll();
      throw error;
    }
    if (this.#isClosing()) {
      return;
    }
    await this.#served.serve(this.#shareOf([this.#partitions]), this.#redis.isCluster ? PARTLY_AWAY_MS : undefined);
    await this.#unlessAway(this.#follow());
    this.#janitor = new Janitor(this.#served.queues, {
      ...{ redis: this.#redis, clock: this.#clock, scripts: this.#scripts, retire: this.#retire, logger: this.#logger },
    });
    await this.#unlessAway(this.#janitor.clean());
    if (!this.#isClosing()) {
      this.#following = setInterval(() => void this.#follow(), FOLLOW_EVERY_MS);
      this.#otherWorkers.watch();
      this.#logger.info({ queues: this.#queueNames(), concurrency: this.options.concurrency }, 'worker ready');
    }
  }

  #isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Waits for something, but in a Cluster not for ever: one master of several may be away. */
  async #unlessAway(work: Promise<unknown>): Promise<void> {
    await (this.#redis.isCluster ? withinTime(work, PARTLY_AWAY_MS) : work);
  }

  #shareOf(ways: readonly Partitions[]): Partition[] {
    return ways.flatMap((way) => shareOf(way, this.options.partitionShare));
  }

  /** In a Cluster whose master of this one key is away, the rest of which works, it can't be known. */
  async #requireOneNamespace(): Promise<void> {
    try {
      await requireOneNamespace(this.#redis, this.#keys, this.options);
    } catch (error) {
      if (error instanceof ConfigurationError || !this.#redis.isCluster) {
        throw error;
      }
      this.#logger.warn({ err: error }, 'could not see whether other workers of these queues have the same namespace');
    }
  }

  /** Serves its share of the partitions that producers use or have used; now and then, since they may begin at any time. */
  async #follow(): Promise<void> {
    try {
      await this.#counts.announce(this.#partitions.count);
      await this.#clockKeeper.keep();
      const added = await this.#served.serve(this.#shareOf(await this.#used.read()));
      if (added > 0) {
        this.#logger.info({ partitions: added }, 'serving partitions that a producer uses');
      }
    } catch (error) {
      this.#logger.debug({ err: error }, 'could not look for partitions, trying again soon');
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
    return queues;
  }

  async #close(): Promise<void> {
    const { closeTimeoutMs } = this.options;
    await withinTime(
      this.#started.catch(() => undefined),
      closeTimeoutMs,
    );
    clearInterval(this.#following);
    this.#otherWorkers.close();
    const inTime = await withinTime(this.#served.close(), closeTimeoutMs);
    if (!inTime) {
      this.#logger.warn({ closeTimeoutMs }, 'jobs still running are left to other workers');
      await this.#served.abandonJobs();
    }
    await withinTime(this.#served.cutReceipts(), closeTimeoutMs); // else they stay for 400 days
    this.#clock.close();
    this.#janitor?.close();
    this.#redis.disconnectAll();
  }
}
