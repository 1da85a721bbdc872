import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Request, RequestHandler, Response } from 'express';
import session from 'express-session';
import type { Connection } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';
import type { MasterProbe } from '../../src/redis/master-probe.js';
import { askMasterOf, MasterUnreachableError } from '../master-unreachable.js';
import { SessionStore } from './session-store.js';
import type { User } from './user.js';

/** Who signed in, and which version of the user that was. */
type SessionUser = Pick<User, 'name' | 'version'>;

declare module 'express-session' {
  interface SessionData {
    user: SessionUser;
  }
}

/** A working day: whoever comes back the next morning signs in again. */
const LIFETIME_MS = 12 * 3_600_000;

const SECRET_BYTES = 32;

/**
 * While one of three masters is unreachable, an id lies there with a chance of 1/3, and a third of the attempts to get another one
 * go on from an id that lies there. It takes 50 for all to fail less than once in 10^8, and no time: it is known who is unreachable.
 */
const BEGIN_ATTEMPTS = 50;

/** The sessions of people who signed in with a password. */
export class Sessions {
  #handler: Promise<RequestHandler> | undefined;

  constructor(
    private readonly redis: Connection,
    private readonly keys: Keys,
    private readonly masters: MasterProbe,
  ) {}

  /** Finds the session whose cookie a request has. @returns who signed in with it, if anyone did */
  async read(request: Request, response: Response): Promise<SessionUser | undefined> {
    this.#handler ??= this.#createHandler().catch((error: unknown) => {
      this.#handler = undefined;
      throw error;
    });
    await promisify(await this.#handler)(request, response);
    // There is none on a path for which browsers send no cookie.
    return (request as Partial<Request>).session?.user;
  }

  /** Begins one under an id of its own: an id that someone planted in the browser before is worth nothing. */
  async begin(request: Request, response: Response, { name, version }: User): Promise<void> {
    await this.read(request, response);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await promisify(request.session.regenerate.bind(request.session))();
        request.session.user = { name, version };
        await promisify(request.session.save.bind(request.session))();
        return;
      } catch (error) {
        if (!(error instanceof MasterUnreachableError) || attempt === BEGIN_ATTEMPTS) {
          throw error;
        }
      }
    }
  }

  async end({ session }: Request): Promise<void> {
    await promisify(session.destroy.bind(session))();
  }

  async #createHandler(): Promise<RequestHandler> {
    return session({
      name: 'tally_session',
      secret: await this.#sharedSecret(),
      store: new SessionStore(this.redis, this.keys, this.masters, LIFETIME_MS),
      genid: () => randomBytes(SECRET_BYTES).toString('base64url'),
      resave: false,
      saveUninitialized: false,
      // 'auto': over TLS, also that of a proxy which is known as one, the browser keeps it for TLS.
      cookie: { httpOnly: true, sameSite: 'strict', secure: 'auto', path: '/ops', maxAge: LIFETIME_MS },
    });
  }

  /** Signs the cookies. Made once and kept in Redis: so sessions outlive a restart, and hold on every server. */
  async #sharedSecret(): Promise<string> {
    const { sessionSecret } = this.keys;
    return askMasterOf(this.masters, sessionSecret, 'what sessions are signed with', async () => {
      const known = await this.redis.get(sessionSecret); // also where Redis takes no writes
      if (known !== null) {
        return known;
      }
      const made = randomBytes(SECRET_BYTES).toString('hex');
      await this.redis.set(sessionSecret, made, 'NX');
      return (await this.redis.get(sessionSecret)) ?? made;
    });
  }
}
