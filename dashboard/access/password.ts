import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { ScryptOptions } from 'node:crypto';
import pLimit from 'p-limit';
import { z } from 'zod';
import { ConfigurationError } from '../../src/errors.js';

const MIN_LENGTH = 12;
const MAX_LENGTH = 256;

const HASH_BYTES = 32;
const SALT_BYTES = 16;

/** 32 MiB and about a quarter of a second, see https://cheatsheetseries.owasp.org: "Password Storage". */
const COST = { logN: 15, r: 8, p: 3 } as const;

/** Node has four threads for this, for files and for names of hosts: many attempts at once must not take them all. */
const inTurn = pLimit(2);

const base64 = z.base64().transform((text): Buffer => Buffer.from(text, 'base64'));

/** Each password is stored with what it cost, so that later ones may cost more. */
export const passwordHashSchema = z.strictObject({
  logN: z.int().min(10).max(20),
  r: z.int().min(1).max(32),
  p: z.int().min(1).max(16),
  salt: base64.refine((salt) => salt.length === SALT_BYTES),
  hash: base64.refine((hash) => hash.length === HASH_BYTES),
});

export type PasswordHash = z.output<typeof passwordHashSchema>;

/** What a password of an unknown user is compared with: finding out takes as long as for a known one. */
const NOBODY: PasswordHash = { ...COST, salt: Buffer.alloc(SALT_BYTES), hash: Buffer.alloc(HASH_BYTES) };

/** @throws ConfigurationError when it is too short to withstand guessing */
export async function hashPassword(password: string): Promise<PasswordHash> {
  const { length } = password;
  if (length < MIN_LENGTH || length > MAX_LENGTH) {
    throw new ConfigurationError(
      `the password has ${length} characters: take ${MIN_LENGTH} to ${MAX_LENGTH}, a few words for example`,
    );
  }
  const salt = randomBytes(SALT_BYTES);
  return { ...COST, salt, hash: await derive(password, salt, COST) };
}

/** Whether this is the password. Without a hash it is not, after the same time. */
export async function isPassword(password: string, stored: PasswordHash | undefined): Promise<boolean> {
  if (password.length > MAX_LENGTH) {
    return false; // no stored one is as long
  }
  const { salt, hash, ...cost } = stored ?? NOBODY;
  const isRight = timingSafeEqual(await derive(password, salt, cost), hash);
  return isRight && stored !== undefined;
}

/** The same characters can come in different bytes from different keyboards, hence NFKC. */
function derive(password: string, salt: Buffer, { logN, r, p }: Omit<PasswordHash, 'salt' | 'hash'>): Promise<Buffer> {
  const cost: ScryptOptions = { N: 2 ** logN, r, p, maxmem: 2 * 128 * r * 2 ** logN };
  const derived = () =>
    new Promise<Buffer>((resolve, reject) => {
      scrypt(password.normalize('NFKC'), salt, HASH_BYTES, cost, (error, hash) => {
        if (error === null) {
          resolve(hash);
        } else {
          reject(error);
        }
      });
    });
  return inTurn(derived);
}
