/** Whether the API is being stopped, and the end of waiting for those who wait. */
export class Drain {
  readonly #leave = new Set<() => void>();
  #begun = false;

  get begun(): boolean {
    return this.#begun;
  }

  begin(): void {
    this.#begun = true;
    for (const leave of this.#leave) {
      leave();
    }
  }

  /** Waits for this promise, but no longer than until the stop begins. */
  async orBegun(promise: Promise<unknown>): Promise<void> {
    if (this.#begun) {
      return;
    }
    let leave: (() => void) | undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
      this.#leave.add(resolve);
    });
    try {
      await Promise.race([promise, left]);
    } finally {
      this.#leave.delete(leave as () => void);
    }
  }
}
