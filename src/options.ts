import type { Telemetry } from 'bullmq';
import { z } from 'zod';
import type { Logger } from 'pino';
import { isOperation } from './operations/operation.js';
import type { Operation } from './operations/operation.js';
import type { RedisTarget } from './redis/target.js';
import { DEFAULT_NAMESPACE } from './redis/keys.js';
import { MAX_PARTITIONS } from './layout/partitions.js';

/** Options of everything that opens connections of its own. */
export interface CommonOptions<Custom extends Operation = Operation> {
  /** A URL, or options of ioredis; one server, Sentinel or Cluster, see there. */
  redis: RedisTarget;
  /** First part of Tally's own keys. @defaultValue `tally` */
  namespace?: string;
  /** First part of BullMQ's keys. @defaultValue `tally-queues` */
  prefix?: string;
  /**
   * Into how many partitions queues are split, 1 to 256: each lies in a slot of its own, so that they spread over the
   * masters of a Cluster. Workers serve, and dashboards show, what any producer was told. @defaultValue 8 on a Cluster;
   * else queues are not split
   */
  partitions?: number | undefined;
  /** The user's own operations. @defaultValue none */
  operations?: readonly Custom[];
  /** @defaultValue a pino logger at level `info` */
  logger?: Logger;
}

export const commonShape = {
  redis: z.custom<RedisTarget>((value) => typeof value === 'string' || (typeof value === 'object' && value !== null), {
    error: 'give a Redis URL, e.g. "redis://127.0.0.1:6379"',
  }),
  namespace: z.string().min(1).default(DEFAULT_NAMESPACE.namespace),
  prefix: z.string().min(1).default(DEFAULT_NAMESPACE.prefix),
  partitions: z.int().min(1).max(MAX_PARTITIONS).optional(),
  operations: z.array(z.custom<Operation>(isOperation, { error: 'give what defineOperation() returns' })).default([]),
  logger: z.custom<Logger>().optional(),
};

/** Of producers and workers: what a write has to reach before it counts, so that a failover can't lose it. */
export interface DurabilityOptions {
  /**
   * Replicas that must have a job before `submit` resolves, and its changes before the job completes: 0 to 10. What too few
   * confirm within a second, or 2.5 on disk, is not taken back: a submit fails, and says so; a job is tried again until they do.
   * With as many as there are replicas, no failover loses what was told; with fewer, one to a replica that did not confirm does.
   * @defaultValue 0
   */
  replicasToConfirm?: number | undefined;
  /**
   * Whether it must also be on the disk of the master, and of these replicas. Needs Redis 7.2 or Valkey, and the append-only
   * file; with `appendfsync always` it is quick, with `everysec` it takes up to a second. @defaultValue false
   */
  confirmOnDisk?: boolean | undefined;
}

export const durabilityShape = {
  replicasToConfirm: z.int().min(0).max(10).default(0),
  confirmOnDisk: z.boolean().default(false),
};

/** Of producers and workers, which can be traced. */
export interface TelemetryOption {
  /**
   * Makes spans of jobs: BullMQ's interface, as `new BullMQOtel()` of the package bullmq-otel implements it for
   * OpenTelemetry. @defaultValue none
   */
  telemetry?: Telemetry | undefined;
}

export const telemetryShape = {
  telemetry: z
    .custom<Telemetry>((value) => typeof value === 'object' && value !== null && 'contextManager' in value, {
      error: 'give a telemetry object of BullMQ, for example new BullMQOtel() of the package bullmq-otel',
    })
    .optional(),
};

/** A whole number of milliseconds. */
export function milliseconds(min: number, max: number) {
  return z.int().min(min).max(max);
}

/** How long idempotency keys are remembered, in ms: 1 second to 90 days. */
export function idempotencyWindow() {
  return milliseconds(1_000, 90 * 24 * 3600 * 1000);
}
