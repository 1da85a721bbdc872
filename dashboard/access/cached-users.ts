import type { Connection } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';
import type { MasterProbe } from '../../src/redis/master-probe.js';
import { askMasterOf } from '../master-unreachable.js';
import { StaleIfErrorCache } from './stale-if-error-cache.js';
import type { User } from './user.js';
import type { KnownUsers, UserStore } from './user-store.js';

/** They are read so often also while nobody asks: whoever comes when their master is unreachable already is known too. */
const READ_EVERY_MS = 5_000;

const COUNT = 'count';

interface Deps {
  readonly redis: Connection;
  readonly store: UserStore;
  readonly keys: Keys;
  readonly masters: MasterProbe;
}

/**
 * The users, of whom each is asked for at each request, so that a change takes effect at once. While their master is unreachable,
 * nobody waits for it, and what it said within the last minute holds.
 */
export class CachedUsers implements KnownUsers {
  readonly #counts = new StaleIfErrorCache<number>();
  readonly #users = new StaleIfErrorCache<User>();
  readonly #reading: NodeJS.Timeout | undefined;

  constructor(private readonly deps: Deps) {
    if (deps.redis.isCluster) {
      // Elsewhere users are unreachable only when all of Redis is.
      deps.redis.once('ready', () => void this.#read());
      this.#reading = setInterval(() => void this.#read(), READ_EVERY_MS);
      this.#reading.unref();
    }
  }

  async count(): Promise<number> {
    return (await this.#counts.ask(COUNT, () => this.#ask(() => this.deps.store.count()))) ?? 0;
  }

  find(name: string): Promise<User | undefined> {
    return this.#users.ask(name, () => this.#ask(() => this.deps.store.find(name)));
  }

  close(): void {
    clearInterval(this.#reading);
  }

  async #read(): Promise<void> {
    const askedAtMs = performance.now();
    try {
      const { users, unreadable } = await this.#ask(() => this.deps.store.read());
      this.#counts.remember(COUNT, users.length + unreadable.length, askedAtMs);
      for (const user of users) {
        this.#users.remember(user.name, user, askedAtMs);
      }
      this.#users.forgetBefore(askedAtMs); // those who are not among them any more
    } catch {
      // Their master is unreachable: what is remembered goes on for its time.
    }
  }

  /** @throws MasterUnreachableError rather than wait for a master that is unreachable */
  #ask<T>(question: () => Promise<T>): Promise<T> {
    const { masters, keys } = this.deps;
    return askMasterOf(masters, keys.users, 'the list of users', question);
  }
}
