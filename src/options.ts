import type { Telemetry } from 'bullmq';
import { z } from 'zod';
import { ConfigurationError } from './errors.js';
import type { Logger } from 'pino';
import type { Metrics } from './metrics/metrics.js';
import type { Operation } from './operations/operation.js';
import type { RedisTarget } from './redis/connection.js';
import { DEFAULT_NAMESPACE } from './redis/keys.js';
import { nearest } from './nearest.js';

/** Options of everything that opens connections of its own. */
export interface CommonOptions<Custom extends Operation = Operation> {
  /** Redis URL, or options of ioredis. */
  redis: RedisTarget;
  /** First part of Tally's own keys. @defaultValue `tally` */
  namespace?: string;
  /** First part of BullMQ's keys. @defaultValue `bull` */
  prefix?: string;
  /** The user's own operations. @defaultValue none */
  operations?: readonly Custom[];
  /** @defaultValue a pino logger at level `info` */
  logger?: Logger;
  /** What to count in: what `createMetrics` returned. Several may share one. @defaultValue nothing is counted */
  metrics?: Metrics | undefined;
}

export const commonShape = {
  redis: z.custom<RedisTarget>((value) => typeof value === 'string' || (typeof value === 'object' && value !== null), {
    error: 'give a Redis URL, e.g. "redis://127.0.0.1:6379"',
  }),
  namespace: z.string().min(1).default(DEFAULT_NAMESPACE.namespace),
  prefix: z.string().min(1).default(DEFAULT_NAMESPACE.prefix),
  operations: z.array(z.custom<Operation>()).default([]),
  logger: z.custom<Logger>().optional(),
  metrics: z
    .custom<Metrics>((value) => typeof value === 'object' && value !== null && 'updates' in value, {
      error: 'give what createMetrics() returns',
    })
    .optional(),
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

/**
 * Checks the options of a public function and fills in defaults.
 *
 * @throws ConfigurationError naming each option, what is wrong with it and, for an unknown one, the nearest known
 */
export function checkOptions<Shape extends z.core.$ZodShape>(
  what: string,
  schema: z.ZodObject<Shape, z.core.$strict>,
  options: unknown,
): z.output<typeof schema> {
  const parsed = schema.safeParse(options);
  if (parsed.success) {
    return parsed.data;
  }
  const messages = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => unknownName(key, Object.keys(schema.shape)))
      : [`${issue.path.join('.')}: ${issue.message}`],
  );
  throw new ConfigurationError(`${what}: ${messages.join('; ')}`);
}

/** The words for a name that is not known. */
function unknownName(name: string, known: readonly string[]): string {
  const suggestion = nearest(name, known);
  return `unknown option "${name}"${suggestion === undefined ? '' : `; did you mean "${suggestion}"?`}`;
}

/** A whole number of milliseconds. */
export function milliseconds(min: number, max: number) {
  return z.int().min(min).max(max);
}
