import { createHash } from 'node:crypto';
import { Store } from 'express-session';
import type { SessionData } from 'express-session';
import type { Connection } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';

/**
 * Sessions in Redis, under a digest of their ids: whoever reads Redis gets into none of them. There is no `touch`, so
 * a session ends a fixed time after its sign-in, also when a page that is open asks for news every few seconds.
 */
export class SessionStore extends Store {
  constructor(
    private readonly redis: Connection,
    private readonly keys: Keys,
    private readonly lifetimeMs: number,
  ) {
    super();
  }

  override get(id: string, done: (error: unknown, session?: SessionData | null) => void): void {
    settle(
      this.redis.get(this.#keyOf(id)).then((text) => (text === null ? null : (JSON.parse(text) as SessionData))),
      done,
    );
  }

  override set(id: string, session: SessionData, done: (error?: unknown) => void = () => undefined): void {
    settle(this.redis.set(this.#keyOf(id), JSON.stringify(session), 'PX', this.lifetimeMs), done);
  }

  override destroy(id: string, done: (error?: unknown) => void = () => undefined): void {
    settle(this.redis.del(this.#keyOf(id)), done);
  }

  #keyOf(id: string): string {
    return this.keys.session(createHash('sha256').update(id).digest('hex'));
  }
}

/** What `done` throws must not come back to it. */
function settle<T>(work: Promise<T>, done: (error: unknown, value?: T) => void): void {
  work.then(
    (value) => {
      done(null, value);
    },
    (error: unknown) => {
      done(error);
    },
  );
}
