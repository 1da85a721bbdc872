import { createHash } from 'node:crypto';
import { Store } from 'express-session';
import type { SessionData } from 'express-session';
import type { Connection } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';
import type { MasterProbe } from '../../src/redis/master-probe.js';
import { askMasterOf } from '../master-unreachable.js';

/**
 * Sessions in Redis, under a digest of their ids: whoever reads Redis gets into none of them. There is no `touch`, so
 * a session ends a fixed time after its sign-in, also when a page that is open asks for news every few seconds.
 */
export class SessionStore extends Store {
  constructor(
    private readonly redis: Connection,
    private readonly keys: Keys,
    private readonly masters: MasterProbe,
    private readonly lifetimeMs: number,
  ) {
    super();
  }

  override get(id: string, done: (error: unknown, session?: SessionData | null) => void): void {
    settle(
      this.#ask(id, (key) => this.redis.get(key)).then((text) =>
        text === null ? null : (JSON.parse(text) as SessionData),
      ),
      done,
    );
  }

  override set(id: string, session: SessionData, done: (error?: unknown) => void = () => undefined): void {
    const text = JSON.stringify(session);
    settle(
      this.#ask(id, (key) => this.redis.set(key, text, 'PX', this.lifetimeMs)),
      done,
    );
  }

  override destroy(id: string, done: (error?: unknown) => void = () => undefined): void {
    settle(
      this.#ask(id, (key) => this.redis.del(key)),
      done,
    );
  }

  /** @throws MasterAwayError when its master does not answer */
  #ask<T>(id: string, question: (key: string) => Promise<T>): Promise<T> {
    const key = this.keys.session(createHash('sha256').update(id).digest('hex'));
    return askMasterOf(this.masters, key, 'this session', () => question(key));
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
