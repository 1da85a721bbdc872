import { ConfigurationError } from '../../errors.js';
import type { Connection } from '../../redis/connection.js';
import type { Keys } from '../../redis/keys.js';
import { fromStored, toStored } from './api-key.js';
import type { ApiKey } from './api-key.js';

/** Every server reads all of them every few seconds. */
const MAX_KEYS = 1_000;

/** The API keys that were made and not revoked. */
export interface StoredKeys {
  readonly byId: ReadonlyMap<string, ApiKey>;
  /** Ids of keys that this version can't make sense of: nobody gets in with them. */
  readonly unreadable: readonly string[];
}

/** The API keys in Redis: one hash, from ids to all but the secrets. */
export class KeyStore {
  constructor(
    private readonly redis: Connection,
    private readonly keys: Keys,
  ) {}

  async read(): Promise<StoredKeys> {
    const byId = new Map<string, ApiKey>();
    const unreadable: string[] = [];
    for (const [id, text] of Object.entries(await this.redis.hgetall(this.keys.apiKeys))) {
      const key = fromStored(id, text);
      if (key === undefined) {
        unreadable.push(id);
      } else {
        byId.set(id, key);
      }
    }
    return { byId, unreadable };
  }

  async count(): Promise<number> {
    return this.redis.hlen(this.keys.apiKeys);
  }

  async has(id: string): Promise<boolean> {
    return (await this.redis.hexists(this.keys.apiKeys, id)) === 1;
  }

  /** @throws ConfigurationError when there are too many */
  async add(key: ApiKey): Promise<void> {
    if ((await this.count()) >= MAX_KEYS) {
      throw new ConfigurationError(
        `there are ${MAX_KEYS} API keys already: revoke those that nobody uses, see tally keys list`,
      );
    }
    await this.redis.hset(this.keys.apiKeys, key.id, toStored(key));
  }

  /** @returns whether there was one with this id */
  async remove(id: string): Promise<boolean> {
    return (await this.redis.hdel(this.keys.apiKeys, id)) === 1;
  }
}
