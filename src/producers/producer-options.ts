import { z } from 'zod';
import type { Operation } from '../operations/operation.js';
import { delaySchema, prioritySchema, runAtSchema } from '../operations/timing.js';
import { ownerSchema } from '../operations/idempotency-key.js';
import { metricsShape } from '../metrics/metrics.js';
import type { MetricsOption } from '../metrics/metrics.js';
import { commonShape, durabilityShape, idempotencyWindow, milliseconds, telemetryShape } from '../options.js';
import type { CommonOptions, DurabilityOptions, TelemetryOption } from '../options.js';
import type { SubmitOptions } from './shortcuts.js';
import { traceSchema } from './trace.js';

export interface ProducerOptions<Custom extends Operation = never>
  extends CommonOptions<Custom>, MetricsOption, TelemetryOption, DurabilityOptions {
  /** Updates in one job at most, 1 to 1,000; 1 gives each update a job of its own. @defaultValue 256 */
  maxBatch?: number;
  /**
   * How long an idempotency key is remembered, 1 second to 90 days, in ms, by Redis' clock: an update that waits longer for a
   * worker is not applied, but ends as `unknown`, `TOO_OLD`. Producers may differ; receipts live for the longest.
   * @defaultValue 24 h
   */
  idempotencyWindowMs?: number;
  /**
   * Whose idempotency keys they are: the same key of another owner is another one. @defaultValue that of all who name none
   */
  idempotencyOwner?: string;
  /** How long `submit` may take, 10 to 300,000 ms. @defaultValue 5,000 */
  submitTimeoutMs?: number;
  /** Updates that may wait in this process for Redis, 1 to 10,000,000. @defaultValue 100,000 */
  bufferLimit?: number;
  /** Jobs that may wait in one queue for workers, 1 to 100,000,000; exceeded by a quarter of a second's worth. @defaultValue 1,000,000 */
  backlogLimit?: number;
}

/** The options of a producer, for what has one. */
export const producerShape = {
  ...commonShape,
  ...metricsShape,
  ...telemetryShape,
  ...durabilityShape,
  idempotencyWindowMs: idempotencyWindow().default(24 * 3600 * 1000),
  idempotencyOwner: ownerSchema.default(''),
  maxBatch: z.int().min(1).max(1000).default(256),
  submitTimeoutMs: milliseconds(10, 300_000).default(5_000),
  bufferLimit: z.int().min(1).max(10_000_000).default(100_000),
  backlogLimit: z.int().min(1).max(100_000_000).default(1_000_000),
};

export const optionsSchema = z.strictObject(producerShape);

const submitManyShape = {
  idempotencyOwner: ownerSchema.optional(),
  delay: delaySchema.optional(),
  runAt: runAtSchema.optional(),
  priority: prioritySchema.optional(),
  refuseConflicts: z.boolean().default(false),
  trace: traceSchema.optional(),
  authorize: z.custom<SubmitOptions['authorize']>().optional(),
};

const isOneTime = ({ delay, runAt }: { delay?: unknown; runAt?: unknown }) =>
  delay === undefined || runAt === undefined;
const oneTime = { path: ['runAt'], error: 'give delay or runAt, not both' };

const date = z.custom<Date>((value) => value instanceof Date && !Number.isNaN(value.getTime()), {
  error: 'must be a Date',
});

export const submitOptionsSchema = z
  .strictObject({ idempotencyKey: z.string().optional(), sendBefore: date.optional(), ...submitManyShape })
  .refine(isOneTime, oneTime);

export const submitManySchema = z.strictObject(submitManyShape).refine(isOneTime, oneTime);
