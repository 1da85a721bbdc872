import { z } from 'zod';
import { isWanted, filterShape } from '../filter.js';
import type { OutcomeFilter } from '../filter.js';
import type { OutcomeEvent } from '../event.js';
import { isWithin, scopeShape } from '../scope.js';
import type { Told } from '../scope.js';

/** Deliveries a minute that a webhook may ask for: what it does not say is not limited, but by {@link MAX_IN_FLIGHT}. */
export const MAX_PER_MINUTE = 60_000;

/** Secrets that a webhook can have at a time: each is in force for a day after it was replaced. */
export const MAX_SECRETS = 10;

const tokenError = 'must be 1 to 1,000 printable ASCII characters without spaces';

/** What a webhook is made with. */
export const settingsShape = {
  url: z.string(),
  ...filterShape,
  perMinute: z.int().min(1).max(MAX_PER_MINUTE).optional(),
  token: z
    .string()
    .regex(/^[\x21-\x7e]{1,1000}$/, tokenError)
    .optional(),
};

export interface WebhookSettings extends OutcomeFilter {
  /** Where events are posted to. */
  readonly url: string;
  /** Deliveries in a minute at most, 1 to 60,000. @defaultValue as many as the target allows in its handshake, or without limit */
  readonly perMinute?: number | undefined;
  /** Sent as `Authorization: Bearer`. @defaultValue none */
  readonly token?: string | undefined;
}

const signing = z.strictObject({
  sealed: z.string(),
  /** Until when events are signed with it too: it was replaced. */
  untilMs: z.int().optional(),
});

const disabled = z.strictObject({ why: z.enum(['GONE', 'BEHIND', 'BY_HAND', 'KEY_REVOKED']), atMs: z.int() });

/** Strict: a limit that this version does not know is not passed over, the webhook is left alone. */
const storedSchema = z.strictObject({
  ...settingsShape,
  perMinute: z.int().min(1).optional(), // a target may have allowed more than can be asked for
  /** Sealed. */
  token: z.string().optional(),
  /** As this system is called in `WebHook-Request-Origin`: what the target was asked with. */
  origin: z.string(),
  /** Of the API key that added it. Absent when it was added by hand. */
  owner: z.string().optional(),
  /** What that API key allowed: no other event is sent. */
  scope: z.strictObject(scopeShape).optional(),
  createdAtMs: z.int(),
  /** The one that is in force, and those that are being replaced, the latest first. */
  signing: z.array(signing).min(1).max(MAX_SECRETS),
  disabled: disabled.optional(),
});

export type Webhook = z.output<typeof storedSchema> & { readonly id: string };

export type DisabledWhy = z.output<typeof disabled>['why'];

export function toStored({ id: _, ...webhook }: Webhook): string {
  return JSON.stringify(webhook satisfies z.input<typeof storedSchema>);
}

/** @returns undefined when this version can't make sense of it */
export function fromStored(id: string, text: string): Webhook | undefined {
  try {
    return { ...storedSchema.parse(JSON.parse(text)), id };
  } catch {
    return undefined;
  }
}

/** A webhook that is disabled from now on, for the first reason: only `BEHIND`, with which what waits is sent, gives way to others. */
export function disabledAs(webhook: Webhook, why: DisabledWhy, atMs: number): Webhook {
  const { disabled: before = { why, atMs } } = webhook;
  return { ...webhook, disabled: before.why === 'BEHIND' ? { ...before, why } : before };
}

/** Why what waits for it is not sent; undefined when it is, as also while its target is too far behind to be sent more. */
export function whyNotSent({ disabled }: Webhook): DisabledWhy | undefined {
  return disabled?.why === 'BEHIND' ? undefined : disabled?.why;
}

/** Whether an event is of those that a webhook was added for, and may be sent to it. */
export function isFor(told: Told, webhook: Webhook): boolean {
  return isWanted(told.event, webhook) && (webhook.scope === undefined || isWithin(told, webhook.scope));
}

/** Whether an event came after a webhook was added. */
export function isNewFor({ time }: OutcomeEvent, { createdAtMs }: Webhook): boolean {
  return Date.parse(time) >= createdAtMs;
}
