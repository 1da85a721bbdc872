import type { MetricsOption } from '../metrics/metrics.js';
import type { CommonOptions, DurabilityOptions, TelemetryOption } from '../options.js';
import type { KeepOutcomes } from './keep-outcomes.js';
import type { PartitionShare } from './partition-share.js';
import type { TellOutcomes } from './tell-outcomes.js';

/** What a worker may be told. */
export interface WorkerOptions extends CommonOptions, MetricsOption, TelemetryOption, DurabilityOptions {
  /** The queues to serve; with `inventory` or `transactions` also `expiries`, which gives back what they hold. @defaultValue all */
  queues?: readonly string[];
  /** Which part of all partitions to serve, as `{ number: 1, of: 3 }`: others must serve the rest. @defaultValue all */
  partitionShare?: PartitionShare | undefined;
  /**
   * Jobs of one queue, in one partition, that run at a time, 1 to 1,000. All that run have to end within `lockDurationMs`.
   * @defaultValue 50; 10 where queues are split
   */
  concurrency?: number | undefined;
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
   * Time to live of a job's receipt after the job was settled, at least 1,000 ms and twice the `lockDurationMs` of any worker: a
   * job is settled after the start of every attempt that could still write, and none writes after its lease. It is 4,000 ms at
   * least whatever is said here, as a request to cancel may linger.
   * @defaultValue 600,000
   */
  settledReceiptMs?: number;
  /** How long outcomes can be asked for, and how many. @defaultValue a day, within 20,000,000 updates and 1 GiB of each queue */
  keepOutcomes?: KeepOutcomes | undefined;
  /** Tells all outcomes in a stream, for `createSubscriber`; all workers alike. On a Cluster with Redis 7 or Valkey. @defaultValue false */
  outcomes?: boolean | TellOutcomes | undefined;
  /**
   * In a Cluster of Redis 7 or Valkey, one script call for all that a job has on a master, in whatever slots. `false`: one for
   * each slot, as with older servers, at several times the cost. @defaultValue true
   */
  callByMaster?: boolean;
  /**
   * How long `close` waits for running jobs, in ms; then at most ten seconds more until what they applied is safe.
   * @defaultValue 10,000
   */
  closeTimeoutMs?: number;
}
