import { setTimeout } from 'node:timers/promises';

/** Wakes who waits for it; one that rang while nobody waited is heard by the next. */
export class Bell {
  #rang = false;
  #heard: AbortController | undefined;

  ring(): void {
    this.#rang = true;
    this.#heard?.abort();
  }

  /** Resolves when it rings, or when the time is over. */
  async rung(timeoutMs: number): Promise<void> {
    if (!this.#rang) {
      this.#heard = new AbortController();
      await setTimeout(timeoutMs, undefined, { signal: this.#heard.signal }).catch(() => undefined);
    }
    this.#rang = false;
  }
}
