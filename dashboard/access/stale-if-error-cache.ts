import { MasterUnreachableError } from '../master-unreachable.js';

/**
 * How long an answer stands in for its master, in ms, from when it was given: longer than a failover takes, and no longer than a
 * user who was removed, where this dashboard could not see it, may go on.
 */
export const MEMORY_MS = 60_000;

/** More than people use a dashboard. Beyond it, the oldest answers are forgotten. */
const MAX_ANSWERS = 10_000;

interface Remembered<T> {
  /** Undefined for one that was told to be forgotten: an older answer may still come in. */
  readonly answer: T | undefined;
  /** When it was asked for. */
  readonly atMs: number;
}

/** Answers of a master of a Cluster, for when it is unreachable: as long as it is there, it is asked each time. */
export class StaleIfErrorCache<T> {
  readonly #answers = new Map<string, Remembered<T>>();
  #oldestMs = -Infinity;

  /**
   * @returns undefined when there is none
   * @throws MasterUnreachableError when the master is unreachable, and gave no answer within the last minute
   */
  async ask(key: string, question: () => Promise<T | undefined>): Promise<T | undefined> {
    const askedAtMs = performance.now();
    try {
      const answer = await question();
      this.remember(key, answer, askedAtMs);
      return answer;
    } catch (error) {
      const { answer, atMs = -Infinity } = this.#answers.get(key) ?? {};
      if (!(error instanceof MasterUnreachableError) || answer === undefined || performance.now() - atMs > MEMORY_MS) {
        throw error;
      }
      return answer;
    }
  }

  /** @param askedAtMs by `performance.now()`: of two answers, the one that was asked for later counts */
  remember(key: string, answer: T | undefined, askedAtMs: number): void {
    if (askedAtMs < Math.max(this.#oldestMs, this.#answers.get(key)?.atMs ?? -Infinity)) {
      return;
    }
    this.#answers.delete(key); // so that it stands last
    if (answer !== undefined) {
      this.#keep(key, { answer, atMs: askedAtMs });
    }
  }

  forget(key: string): void {
    this.#answers.delete(key);
    this.#keep(key, { answer: undefined, atMs: performance.now() });
  }

  /** Forgets all that was asked for before, also where the answer comes later. */
  forgetBefore(atMs: number): void {
    this.#oldestMs = Math.max(this.#oldestMs, atMs);
    for (const [key, known] of this.#answers) {
      if (known.atMs < atMs) {
        this.#answers.delete(key);
      }
    }
  }

  #keep(key: string, remembered: Remembered<T>): void {
    this.#answers.set(key, remembered);
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined && this.#answers.size > MAX_ANSWERS) {
      this.#answers.delete(oldest);
    }
  }
}
