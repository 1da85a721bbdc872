import { createHash } from 'node:crypto';
import { Store } from 'express-session';
import type { SessionData } from 'express-session';
import type { Connection } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';
import type { MasterProbe } from '../../src/redis/master-probe.js';
import { askMasterOf } from '../master-unreachable.js';
import { StaleIfErrorCache } from './stale-if-error-cache.js';

/**
 * Sessions in Redis, under a digest of their ids: whoever reads Redis gets into none of them. There is no `touch`, so
 * a session ends a fixed time after its sign-in, also when a page that is open asks for news every few seconds. While the
 * master of a session is unreachable, what it said within the last minute holds.
 */
export class SessionStore extends Store {
  /** By their keys, as text. */
  readonly #remembered = new StaleIfErrorCache<string>();

  constructor(
    private readonly redis: Connection,
    private readonly keys: Keys,
    private readonly masters: MasterProbe,
    private readonly lifetimeMs: number,
  ) {
    super();
  }

  override get(id: string, done: (error: unknown, session?: SessionData | null) => void): void {
    const key = this.#keyOf(id);
    const read = async () => (await this.#ask(key, () => this.redis.get(key))) ?? undefined;
    settle(
      this.#remembered.ask(key, read).then((text) => (text === undefined ? null : (JSON.parse(text) as SessionData))),
      done,
    );
  }

  override set(id: string, session: SessionData, done: (error?: unknown) => void = () => undefined): void {
    const [key, text, nowMs] = [this.#keyOf(id), JSON.stringify(session), performance.now()];
    const written = this.#ask(key, () => this.redis.set(key, text, 'PX', this.lifetimeMs));
    settle(
      written.then(() => {
        this.#remembered.remember(key, text, nowMs);
      }),
      done,
    );
  }

  override destroy(id: string, done: (error?: unknown) => void = () => undefined): void {
    const key = this.#keyOf(id);
    this.#remembered.forget(key); // also when its master is unreachable: whoever signs out here is out here
    settle(
      this.#ask(key, () => this.redis.del(key)),
      done,
    );
  }

  #keyOf(id: string): string {
    return this.keys.session(createHash('sha256').update(id).digest('hex'));
  }

  /** @throws MasterUnreachableError when its master does not answer */
  #ask<T>(key: string, question: () => Promise<T>): Promise<T> {
    return askMasterOf(this.masters, key, 'this session', question);
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
