import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { ownerSchema } from '../../operations/idempotency-key.js';
import type { Access } from './access.js';

/** How many requests an API key may make. */
export interface Rate {
  readonly requests: number;
  readonly windowSeconds: 1 | 60;
}

/** How many updates an API key may submit. */
export interface UpdateRate {
  readonly updates: number;
  readonly windowSeconds: 1 | 60;
}

/** What an API key is made with. */
export interface ApiKeySettings extends Required<
  Omit<Access, 'owner' | 'requireIdempotencyKey' | 'webhooks' | 'metricsOnly'>
> {
  /** For people: who has it. */
  readonly name: string;
  readonly rate: Rate;
  /** Whether each of its updates needs an idempotency key. @defaultValue false */
  readonly requireIdempotencyKey?: boolean | undefined;
  /** Whether it may add webhooks, and change those of its owner. @defaultValue false */
  readonly webhooks?: boolean | undefined;
  /** Whether it may read metrics, and nothing else. @defaultValue false */
  readonly metricsOnly?: boolean | undefined;
  /** @defaultValue as many as its requests hold */
  readonly updateRate?: UpdateRate | undefined;
  /** Whose idempotency keys its updates have: a key that takes the place of another has the same. @defaultValue its id */
  readonly owner?: string | undefined;
}

/** An API key as it is stored: all but its secret. */
export interface ApiKey extends ApiKeySettings {
  readonly id: string;
  readonly owner: string;
  readonly createdAt: string;
  /** SHA-256 of the secret. */
  readonly digest: Buffer;
}

/** `tally_`, the id, and 32 random bytes. */
const SECRET = /^tally_([0-9a-f]{12})_[\w-]{43}$/;

/** The digest that a secret of an unknown id is compared with: finding out takes as long as for a known one. */
const NO_DIGEST = Buffer.alloc(32);

const MAX_PATTERNS = 100;
const MAX_REQUESTS = 1_000_000;
const MAX_UPDATES = 100_000_000;

/** Characters that do things to a terminal. */
const CONTROL = /\p{Cc}/u;

function plainText(maxLength: number) {
  return z
    .string()
    .min(1, 'must not be empty')
    .max(maxLength, `must not be longer than ${maxLength} characters`)
    .refine((text) => !CONTROL.test(text), 'must not hold control characters; in a pattern, * stands for them')
    .refine((text) => text.isWellFormed(), 'must be valid Unicode, without lone surrogates');
}

function patterns(pattern: z.ZodType<string, string>) {
  return z
    .array(pattern)
    .min(1, 'must name at least one; * stands for all')
    .max(MAX_PATTERNS, `must name ${MAX_PATTERNS} at most`)
    .readonly();
}

/** The owner of idempotency keys, of those who have a name. */
export const namedOwnerSchema = ownerSchema.min(1, 'must not be empty');

const requestsError = `must be a whole number of requests from 1 to ${MAX_REQUESTS}`;
const updatesError = `must be a whole number of updates from 1 to ${MAX_UPDATES}`;

const windowSeconds = z.literal([1, 60]);

export const settingsShape = {
  name: plainText(100),
  owner: namedOwnerSchema.optional(),
  operations: patterns(
    plainText(100).regex(/^[A-Za-z0-9.*]+$/, 'must be names of operations in which * stands for any text'),
  ),
  keys: patterns(plainText(512)),
  readOnly: z.boolean(),
  requireIdempotencyKey: z.boolean().optional(),
  webhooks: z.boolean().optional(),
  metricsOnly: z.boolean().optional(),
  rate: z.strictObject({
    requests: z.int(requestsError).min(1, requestsError).max(MAX_REQUESTS, requestsError),
    windowSeconds,
  }),
  updateRate: z
    .strictObject({ updates: z.int(updatesError).min(1, updatesError).max(MAX_UPDATES, updatesError), windowSeconds })
    .optional(),
};

/** Strict: a limit that this version does not know is not passed over, the key is refused. */
const storedSchema = z.strictObject({
  ...settingsShape,
  createdAt: z.iso.datetime(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Makes an API key. The secret is nowhere else, so it has to be shown now. */
export function makeApiKey(settings: ApiKeySettings): { secret: string; key: ApiKey } {
  const id = randomBytes(6).toString('hex');
  const secret = `tally_${id}_${randomBytes(32).toString('base64url')}`;
  const { owner = id } = settings;
  return { secret, key: { ...settings, id, owner, createdAt: new Date().toISOString(), digest: digestOf(secret) } };
}

/** The form in which an API key is stored, beside its id. */
export function toStored({ id, owner, digest, ...rest }: ApiKey): string {
  const ownerIfGiven = owner === id ? {} : { owner }; // versions that know no owners can read the others
  return JSON.stringify({
    ...rest,
    ...ownerIfGiven,
    sha256: digest.toString('hex'),
  } satisfies z.input<typeof storedSchema>);
}

/** @returns undefined when this version can't make sense of it */
export function fromStored(id: string, text: string): ApiKey | undefined {
  try {
    const { sha256, owner = id, ...rest } = storedSchema.parse(JSON.parse(text));
    return { ...rest, id, owner, digest: Buffer.from(sha256, 'hex') };
  } catch {
    return undefined;
  }
}

/** Which of these keys has this secret. */
export function keyWithSecret(keys: ReadonlyMap<string, ApiKey>, secret: string): ApiKey | undefined {
  const [, id] = SECRET.exec(secret) ?? [];
  if (id === undefined) {
    return undefined;
  }
  const key = keys.get(id);
  const isRight = timingSafeEqual(digestOf(secret), key?.digest ?? NO_DIGEST);
  return isRight ? key : undefined;
}

/** A plain hash is enough for 32 random bytes: nobody can try them all. */
function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
