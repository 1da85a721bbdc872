import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { ConfigurationError, TallyError } from '../../errors.js';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12; // what GCM is made for
const TAG_BYTES = 16;

interface SealingKey {
  /** Tells which key sealed a text; says nothing about the key. */
  readonly id: string;
  readonly bytes: Buffer;
}

/** What was sealed can't be opened here: with another key, for something else, or it was changed. */
export class SealedError extends TallyError {
  override readonly name = 'SealedError';

  constructor(message: string, options?: ErrorOptions) {
    super('SECRET_UNREADABLE', message, options);
  }
}

/**
 * Keeps secrets from whoever can read Redis, its files and its backups: AES-256-GCM under keys that are not in Redis. A sealed text
 * opens only for what it was sealed for, so that none can be put in the place of another.
 */
export class Seal {
  readonly #keys: readonly [SealingKey, ...SealingKey[]];

  /** @param keys each 32 bytes: the first one seals, all of them open, so that a key can be replaced */
  constructor(keys: readonly Buffer[]) {
    const [first, ...others] = keys.map((bytes) => ({ id: idOf(bytes), bytes }));
    if (first === undefined || keys.some(({ length }) => length !== KEY_BYTES)) {
      throw new ConfigurationError(KEY_ERROR);
    }
    this.#keys = [first, ...others];
  }

  /** @param of what the secret belongs to, e.g. the id of a webhook */
  seal(secret: string, of: string): string {
    const [{ id, bytes }] = this.#keys;
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, bytes, iv).setAAD(Buffer.from(of));
    const sealed = Buffer.concat([iv, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `1.${id}.${sealed.toString('base64url')}`;
  }

  /** @throws SealedError */
  open(text: string, of: string): string {
    const [, id, body = ''] = /^1\.([0-9a-f]{8})\.([\w-]+)$/.exec(text) ?? [];
    const key = this.#keys.find((known) => known.id === id);
    if (key === undefined) {
      throw new SealedError('it was sealed with another key than those of TALLY_WEBHOOK_KEY');
    }
    const sealed = Buffer.from(body, 'base64url');
    try {
      const decipher = createDecipheriv(CIPHER, key.bytes, sealed.subarray(0, IV_BYTES));
      decipher.setAAD(Buffer.from(of)).setAuthTag(sealed.subarray(-TAG_BYTES));
      return decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch (error) {
      throw new SealedError('it was changed, or sealed for something else', { cause: error });
    }
  }
}

const KEY_ERROR =
  'must be 32 random bytes in base64, as `openssl rand -base64 32` prints them; several with commas between';

/**
 * The keys of `TALLY_WEBHOOK_KEY`, the one that seals first.
 *
 * @throws ConfigurationError
 */
export function parseSealingKeys(text: string): Buffer[] {
  const keys = text.split(',').map((part) => Buffer.from(part.trim(), 'base64'));
  if (keys.some(({ length }) => length !== KEY_BYTES)) {
    throw new ConfigurationError(KEY_ERROR);
  }
  return keys;
}

function idOf(key: Buffer): string {
  return createHash('sha256').update('tally webhook key').update(key).digest('hex').slice(0, 8);
}

/** A secret as receivers keep it, in the form of Standard Webhooks: 32 random bytes. */
export function newSigningSecret(): string {
  return `whsec_${randomBytes(KEY_BYTES).toString('base64')}`;
}
