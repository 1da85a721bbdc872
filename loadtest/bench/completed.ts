/** Counts what a worker has completed. */
export class Completed {
  #updates = 0;
  #awaited: { readonly updates: number; readonly reached: () => void } | undefined;

  add(updates: number): void {
    this.#updates += updates;
    if (this.#awaited !== undefined && this.#updates >= this.#awaited.updates) {
      this.#awaited.reached();
      this.#awaited = undefined;
    }
  }

  /** Resolves once so many updates are completed, all told. One waits at a time. */
  reach(updates: number): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { updates, reached: resolve };
      this.add(0);
    });
  }
}

/** What a worker of the benchmark is asked for. */
export interface Reach {
  /** Updates that are completed then, all told. */
  readonly reach: number;
}
