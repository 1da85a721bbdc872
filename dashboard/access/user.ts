import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { ConfigurationError } from '../../src/errors.js';
import { hashPassword, passwordHashSchema } from './password.js';
import type { PasswordHash } from './password.js';
import { ROLES } from './signed-in.js';
import type { DashboardRole } from './signed-in.js';

/** Someone who signs in with a password. */
export interface User {
  readonly name: string;
  readonly role: DashboardRole;
  readonly createdAt: string;
  /** Another one at each change of password or role: sessions that began before end with it. */
  readonly version: string;
  readonly password: PasswordHash;
}

/** No capitals: `Ann` and `ann` would be two people whom nobody can tell apart. */
const NAME = /^[a-z0-9][a-z0-9._@-]{0,63}$/;

/** Strict: a user with a limit that this version does not know gets in nowhere. */
const storedSchema = z.strictObject({
  role: z.enum(ROLES),
  createdAt: z.iso.datetime(),
  version: z.string().regex(/^[0-9a-f]{16}$/),
  password: passwordHashSchema,
});

/** @throws ConfigurationError when a user can't have this name */
export function requireName(name: string): void {
  if (!NAME.test(name)) {
    throw new ConfigurationError(
      `"${name}" can't be the name of a user: take up to 64 small letters, digits and . _ @ -, for example ann`,
    );
  }
}

/** @throws ConfigurationError when the name or the password does not fit */
export async function makeUser(name: string, role: DashboardRole, password: string): Promise<User> {
  requireName(name);
  return {
    name,
    role,
    createdAt: new Date().toISOString(),
    version: newVersion(),
    password: await hashPassword(password),
  };
}

/** The same user with other rights or another password, and without the sessions so far. */
export function changeUser(user: User, change: Partial<Pick<User, 'role' | 'password'>>): User {
  return { ...user, ...change, version: newVersion() };
}

/** The form in which a user is stored, beside the name. */
export function toStored({ name: _, password: { salt, hash, ...cost }, ...rest }: User): string {
  const password = { ...cost, salt: salt.toString('base64'), hash: hash.toString('base64') };
  return JSON.stringify({ ...rest, password } satisfies z.input<typeof storedSchema>);
}

/** @returns undefined when this version can't make sense of it */
export function fromStored(name: string, text: string): User | undefined {
  try {
    return { name, ...storedSchema.parse(JSON.parse(text)) };
  } catch {
    return undefined;
  }
}

function newVersion(): string {
  return randomBytes(8).toString('hex');
}
