import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Access } from './access.js';

/** How many requests an API key may make. */
export interface Rate {
  readonly requests: number;
  readonly windowSeconds: 1 | 60;
}

/** What an API key is made with. */
export interface ApiKeySettings extends Required<Access> {
  /** For people: who has it. */
  readonly name: string;
  readonly rate: Rate;
}

/** An API key as it is stored: all but its secret. */
export interface ApiKey extends ApiKeySettings {
  readonly id: string;
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

const requestsError = `must be a whole number of requests from 1 to ${MAX_REQUESTS}`;

export const settingsShape = {
  name: plainText(100),
  operations: patterns(
    plainText(100).regex(/^[A-Za-z0-9.*]+$/, 'must be names of operations in which * stands for any text'),
  ),
  keys: patterns(plainText(512)),
  readOnly: z.boolean(),
  rate: z.strictObject({
    requests: z.int(requestsError).min(1, requestsError).max(MAX_REQUESTS, requestsError),
    windowSeconds: z.literal([1, 60]),
  }),
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
  return { secret, key: { ...settings, id, createdAt: new Date().toISOString(), digest: digestOf(secret) } };
}

/** The form in which an API key is stored, beside its id. */
export function toStored({ id: _, digest, ...rest }: ApiKey): string {
  return JSON.stringify({ ...rest, sha256: digest.toString('hex') } satisfies z.input<typeof storedSchema>);
}

/** @returns undefined when this version can't make sense of it */
export function fromStored(id: string, text: string): ApiKey | undefined {
  try {
    const { sha256, ...rest } = storedSchema.parse(JSON.parse(text));
    return { ...rest, id, digest: Buffer.from(sha256, 'hex') };
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
