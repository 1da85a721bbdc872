import type { Store } from '../layout/store.js';
import type { OutcomeEvent } from './event.js';

/** An event that a group has set aside, since its handler failed again and again. */
export interface DeadLetter {
  readonly event: OutcomeEvent;
  /** What the handler threw last. */
  readonly error: string;
  readonly attempts: number;
  /** When, by the clock of the subscriber. ISO 8601. */
  readonly at: string;
}

/** Beyond it the oldest go. */
const MAX_LETTERS = 10_000;

/** What a group of subscribers has set aside, the latest first: a list of Redis, 10,000 at most. */
export class DeadLetters {
  readonly #key: string;

  constructor(
    private readonly store: Pick<Store, 'redis' | 'keys'>,
    group: string,
  ) {
    this.#key = store.keys.deadOutcomes(group);
  }

  async count(): Promise<number> {
    return await this.store.redis.llen(this.#key);
  }

  /** @param limit how many at most, the latest. @defaultValue 100 */
  async list(limit = 100): Promise<DeadLetter[]> {
    const texts = await this.store.redis.lrange(this.#key, 0, limit - 1);
    return texts.map((text) => JSON.parse(text) as DeadLetter);
  }

  /** Forgets all that are there, for when they were seen to. @returns how many */
  async clear(): Promise<number> {
    const count = await this.count();
    await this.store.redis.del(this.#key);
    return count;
  }

  /** @internal */
  async add(letter: DeadLetter): Promise<void> {
    await this.store.redis.lpush(this.#key, JSON.stringify(letter));
    await this.store.redis.ltrim(this.#key, 0, MAX_LETTERS - 1);
  }
}
