import { TallyError } from '../errors.js';

/** Calls that have more to do before their updates are among those that wait: who closes waits for them. */
export class Calls {
  readonly #open = new Set<Promise<unknown>>();
  #isClosed = false;

  /** @throws TallyError `CLOSED` */
  requireOpen(): void {
    if (this.#isClosed) {
      throw new TallyError('CLOSED', 'this producer is closed; nothing was accepted');
    }
  }

  /** @throws TallyError `CLOSED` */
  async make<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    this.requireOpen();
    const made = call();
    this.#open.add(made);
    try {
      return await made;
    } finally {
      this.#open.delete(made);
    }
  }

  /** Resolves when all that were made before have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#open);
  }
}
