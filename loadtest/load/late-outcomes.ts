import type { Outcome } from '../../src/index.js';

interface Waiting {
  readonly id: string;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

/** Updates that are asked for at a time. */
const ASKED_AT_ONCE = 16;

/** Before asking again, when none of those asked for was done. */
const PAUSE_MS = 50;

/** Asks for outcomes that did not come with the answer to the submit, the oldest first. */
export class LateOutcomes {
  readonly #waiting: Waiting[] = [];
  #asking = false;
  #closed = false;

  /** @param ask tells the outcome of an update by its id; undefined while there is none */
  constructor(private readonly ask: (id: string) => Promise<Outcome | undefined>) {}

  wait(id: string): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, resolve, reject });
      if (!this.#asking) {
        void this.#askAll();
      }
    });
  }

  /** Asks no more; those that wait get no outcome. */
  close(): void {
    this.#closed = true;
  }

  async #askAll(): Promise<void> {
    this.#asking = true;
    while (this.#waiting.length > 0 && !this.#closed) {
      const asked = this.#waiting.splice(0, ASKED_AT_ONCE);
      const left = (await Promise.all(asked.map((it) => this.#isLeft(it)))).flatMap((it) => it ?? []);
      this.#waiting.unshift(...left);
      if (left.length === asked.length) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
    this.#asking = false;
  }

  /** The same when it has no outcome yet. */
  async #isLeft(waiting: Waiting): Promise<Waiting | undefined> {
    try {
      const outcome = await this.ask(waiting.id);
      if (outcome === undefined) {
        return waiting;
      }
      waiting.resolve(outcome);
    } catch (error) {
      waiting.reject(error as Error);
    }
    return undefined;
  }
}
