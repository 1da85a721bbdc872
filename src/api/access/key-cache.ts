import type { Logger } from 'pino';
import type { Connection } from '../../redis/connection.js';
import { withinTime } from '../../lib/timeouts.js';
import { askRedis } from '../../redis/ask-redis.js';
import type { ApiKey } from './api-key.js';
import type { KeyStore } from './key-store.js';

/** A key that was made or revoked is known so everywhere after this time. */
export const MAX_AGE_MS = 5_000;

/** From this age on they are read again beside the requests, so that under load no request waits for it. */
const REFRESH_AGE_MS = 2_500;

/** While Redis is unreachable, this long between attempts to read them. */
const RETRY_MS = 1_000;

/** How long a request waits for keys that are too old; then it goes on with them. */
const PATIENCE_MS = 500;

/** The API keys that requests are checked against. */
interface Known {
  readonly byId: ReadonlyMap<string, ApiKey>;
  /** Whether requests need one. */
  readonly required: boolean;
}

/** Where they are read, and how long that may take. */
interface KeySource {
  readonly store: KeyStore;
  readonly redis: Connection;
  readonly timeoutMs: number;
  readonly logger: Logger;
}

/**
 * The API keys as this process knows them: read at times, so that no request costs a round trip. While Redis is unreachable
 * the last ones stay: all that they allow needs Redis too.
 *
 * Once there were keys, requests need one until the process ends: whoever revokes the last one does not mean to open
 * the API to everyone.
 */
export class KeyCache {
  #known: Known | undefined;
  #refreshAtMs = 0;
  #tooOldAtMs = 0;
  #reading: Promise<Known> | undefined;

  constructor(private readonly source: KeySource) {}

  /** @throws QueueUnavailableError when they were never read and Redis does not answer */
  async current(): Promise<Known> {
    const nowMs = performance.now();
    if (this.#known === undefined) {
      return this.#read();
    }
    if (nowMs >= this.#refreshAtMs) {
      const reading = this.#read().catch(() => undefined);
      if (nowMs >= this.#tooOldAtMs) {
        await withinTime(reading, PATIENCE_MS);
      }
    }
    return this.#known;
  }

  /**
   * Whether there is this key at the moment, whatever is known.
   *
   * @throws QueueUnavailableError, RedisRefusedError
   */
  isThere(id: string): Promise<boolean> {
    const { store, redis, timeoutMs } = this.source;
    return askRedis(redis, timeoutMs, store.has(id));
  }

  /** Reads them, once for all who wait. */
  #read(): Promise<Known> {
    this.#reading ??= this.#ask().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #ask(): Promise<Known> {
    const { store, redis, timeoutMs, logger } = this.source;
    const askedAtMs = performance.now();
    try {
      const { byId, unreadable } = await askRedis(redis, timeoutMs, store.read());
      const required = this.#known?.required === true || byId.size + unreadable.length > 0;
      if (byId.size === 0 && (this.#known?.byId.size ?? 0) > 0) {
        logger.warn('there are no API keys any more: every request is answered with 401');
      }
      this.#known = { byId, required };
      this.#refreshAtMs = askedAtMs + REFRESH_AGE_MS;
      this.#tooOldAtMs = askedAtMs + MAX_AGE_MS;
      return this.#known;
    } catch (error) {
      this.#refreshAtMs = this.#tooOldAtMs = performance.now() + RETRY_MS;
      throw error;
    }
  }
}
