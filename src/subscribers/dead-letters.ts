import type { Store } from '../layout/store.js';
import { luaSource } from '../redis/lua-source.js';
import { createScript, ScriptRunner } from '../redis/scripts.js';
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

/** Beyond it the oldest go; and so many may wait to be told again. */
const MAX_LETTERS = 10_000;

/** Taken off, or looked at, in one step of Redis. */
const A_STEP = 500;

const MOVE = createScript('move-letters', luaSource('move-letters'));

/** What a group of subscribers has set aside, the latest first: a list of Redis, 10,000 at most. */
export class DeadLetters {
  readonly #keys: readonly [dead: string, again: string];
  readonly #scripts: ScriptRunner;

  constructor(
    private readonly store: Pick<Store, 'redis' | 'keys'>,
    group: string,
  ) {
    this.#keys = [store.keys.deadOutcomes(group), store.keys.outcomesAgain(group)[0]];
    this.#scripts = new ScriptRunner(store.redis, [MOVE]);
  }

  async count(): Promise<number> {
    return await this.store.redis.llen(this.#keys[0]);
  }

  /** How many wait to be told again. */
  async countAgain(): Promise<number> {
    return await this.store.redis.llen(this.#keys[1]);
  }

  /**
   * @param limit how many at most, the latest. @defaultValue 100
   * @param offset how many of the latest to pass over. @defaultValue 0
   */
  async list(limit = 100, offset = 0): Promise<DeadLetter[]> {
    return limit < 1 ? [] : (await this.#texts(offset, limit)).map((text) => JSON.parse(text) as DeadLetter);
  }

  /**
   * Has a subscriber of the group told again of one event, or of all that are there now, those set aside first at first. Each gets as
   * many attempts as before; while 10,000 wait, no more are taken.
   *
   * @param eventId of the one. @defaultValue all
   * @returns how many
   */
  async tellAgain(eventId?: string): Promise<number> {
    return await this.#takeOff('again', eventId);
  }

  /** Forgets one event, or all that are there now, for when they were seen to. @returns how many */
  async drop(eventId?: string): Promise<number> {
    return await this.#takeOff('drop', eventId);
  }

  /** @internal */
  async add(letter: DeadLetter): Promise<void> {
    const [dead] = this.#keys;
    await this.store.redis.lpush(dead, JSON.stringify(letter));
    await this.store.redis.ltrim(dead, 0, MAX_LETTERS - 1);
  }

  async #texts(offset: number, count: number): Promise<string[]> {
    return await this.store.redis.lrange(this.#keys[0], offset, offset + count - 1);
  }

  async #takeOff(how: 'again' | 'drop', eventId: string | undefined): Promise<number> {
    const move = async (count: number, text = '') =>
      Number(await this.#scripts.run(MOVE, this.#keys, [how, count, text, MAX_LETTERS]));
    if (eventId !== undefined) {
      let moved = 0;
      for (const text of await this.#textsOf(eventId)) {
        moved += await move(0, text);
      }
      return moved;
    }
    let [left, moved] = [await this.count(), 0]; // what is set aside meanwhile stays
    while (left > 0) {
      const step = await move(Math.min(left, A_STEP));
      moved += step;
      left = step === 0 ? 0 : left - step;
    }
    return moved;
  }

  async #textsOf(eventId: string): Promise<string[]> {
    const found: string[] = [];
    for (let offset = 0; ; offset += A_STEP) {
      const texts = await this.#texts(offset, A_STEP);
      found.push(...texts.filter((text) => (JSON.parse(text) as DeadLetter).event.id === eventId));
      if (texts.length < A_STEP) {
        return found;
      }
    }
  }
}
