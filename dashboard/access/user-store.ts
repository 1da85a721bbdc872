import { ConfigurationError } from '../../src/errors.js';
import type { Connection } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';
import { fromStored, toStored } from './user.js';
import type { User } from './user.js';

/** The users that were added and not removed. */
export interface StoredUsers {
  readonly users: readonly User[];
  /** Names of users that this version can't make sense of: they can't sign in. */
  readonly unreadable: readonly string[];
}

/** The users of the dashboard in Redis: one hash, from names to all the rest. */
export class UserStore {
  constructor(
    private readonly redis: Connection,
    private readonly keys: Keys,
  ) {}

  async count(): Promise<number> {
    return this.redis.hlen(this.keys.users);
  }

  /** @returns undefined when there is none of this name, or none that this version can read */
  async find(name: string): Promise<User | undefined> {
    const text = await this.redis.hget(this.keys.users, name);
    return text === null ? undefined : fromStored(name, text);
  }

  async read(): Promise<StoredUsers> {
    const stored = Object.entries(await this.redis.hgetall(this.keys.users)).sort();
    const found = stored.map(([name, text]) => ({ name, user: fromStored(name, text) }));
    return {
      users: found.flatMap(({ user }) => user ?? []),
      unreadable: found.filter(({ user }) => user === undefined).map(({ name }) => name),
    };
  }

  /** @throws ConfigurationError when there is one of this name */
  async add(user: User): Promise<void> {
    if ((await this.redis.hsetnx(this.keys.users, user.name, toStored(user))) === 0) {
      throw new ConfigurationError(
        `there is a user "${user.name}" already: change it with tally users password or tally users role`,
      );
    }
  }

  /** Puts a changed user in place of the one of the same name. */
  async replace(user: User): Promise<void> {
    if ((await this.redis.hset(this.keys.users, user.name, toStored(user))) === 1) {
      await this.remove(user.name); // someone removed the user meanwhile: stay with that
      throw new ConfigurationError(`there is no user "${user.name}" any more`);
    }
  }

  /** @returns whether there was one of this name */
  async remove(name: string): Promise<boolean> {
    return (await this.redis.hdel(this.keys.users, name)) === 1;
  }
}

/** Of the users, what it takes to recognise them. */
export type KnownUsers = Pick<UserStore, 'count' | 'find'>;
