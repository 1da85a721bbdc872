import { z } from 'zod';
import type { BuiltInOperation } from '../operations/registry.js';
import type { Operation } from '../operations/operation.js';
import { metricsShape } from '../metrics/metrics.js';
import type { MetricsOption } from '../metrics/metrics.js';
import { commonShape, milliseconds } from '../options.js';
import type { CommonOptions } from '../options.js';
import type { OutcomeEventOf } from './event.js';
import type { OnOutcome } from './event-handler.js';
import { filterShape } from './filter.js';
import type { OutcomeFilter } from './filter.js';
import type { Gap } from './gap.js';

export interface SubscriberOptions<Custom extends Operation = Operation>
  extends Omit<CommonOptions<Custom>, 'partitions'>, MetricsOption {
  /**
   * Who listens: 1 to 100 letters, digits, `.`, `_` and `-`. Redis remembers how far a group has come, also while nobody is
   * there; subscribers of one group share its events, those of other groups get them as well.
   */
  group: string;
  /**
   * Called with each event that is wanted, at least once: a subscriber that dies leaves what it did not finish to another one, so it
   * must bear to be told twice (`event.id` is the same). The event counts as told when this returns, or its promise is
   * fulfilled. What throws is tried again with a backoff, then set aside, see {@link TallySubscriber.deadLetters}.
   *
   * Told of each update that has a job. Not of one that was answered without a job when it was sent: a repeat under its idempotency
   * key, which was told at its first time, and a `conflict` that was known by then. Only who sent that hears of it.
   */
  onOutcome: OnOutcome<OutcomeEventOf<BuiltInOperation | Custom>>;
  /**
   * Called when outcomes were removed from the stream before the group came to them, because of the stream's bounds: at least
   * once for a gap. If it throws, it is called again. @defaultValue it is logged
   */
  onGap?: ((gap: Gap) => unknown) | undefined;
  /**
   * Where a new group begins: with what comes, with all that the stream holds, or at a time. A group that is there goes on
   * where it was. @defaultValue `now`
   */
  start?: 'now' | 'beginning' | Date | undefined;
  /** Which events are wanted. @defaultValue all */
  filter?: OutcomeFilter | undefined;
  /**
   * Jobs whose events are handled at a time, 1 to 1,000; those of one job follow each other. With 1, and one subscriber in the
   * group, the events of a key come in the order of its changes. @defaultValue 1
   */
  concurrency?: number;
  /** How often an event is tried before it is set aside, 1 to 1,000: 16 times take some 3 minutes. @defaultValue 16 */
  maxAttempts?: number;
  /** How long `onOutcome` may take, 10 to 3,600,000 ms; longer counts as an error. @defaultValue 30,000 */
  handlerTimeoutMs?: number;
  /** After what silence a subscriber is held for dead, 1,000 to 3,600,000 ms. @defaultValue 30,000 */
  takeOverAfterMs?: number;
  /** How long `close` waits for events that are being handled, in ms. @defaultValue 10,000 */
  closeTimeoutMs?: number;
}

function aFunction<Fn>() {
  return z.custom<Fn>((value) => typeof value === 'function', { error: 'give a function' });
}

const groupSchema = z
  .string({ error: 'give the group a name' })
  .regex(/^[A-Za-z0-9._-]{1,100}$/, 'must be 1 to 100 letters, digits, ".", "_" and "-"');

const { redis, namespace, prefix, operations, logger } = commonShape;

export const subscriberSchema = z.strictObject({
  ...{ redis, namespace, prefix, operations, logger },
  ...metricsShape,
  group: groupSchema,
  onOutcome: aFunction<OnOutcome>(),
  onGap: aFunction<(gap: Gap) => unknown>().optional(),
  start: z
    .union([z.enum(['now', 'beginning']), z.date()], { error: 'must be "now", "beginning" or a Date' })
    .default('now'),
  filter: z.strictObject(filterShape).default({}),
  concurrency: z.int().min(1).max(1_000).default(1),
  maxAttempts: z.int().min(1).max(1_000).default(16),
  handlerTimeoutMs: milliseconds(10, 3_600_000).default(30_000),
  takeOverAfterMs: milliseconds(1_000, 3_600_000).default(30_000),
  closeTimeoutMs: milliseconds(0, 600_000).default(10_000),
});
