/** Says the same thing at once, and from then on once in a while with how often it came since. */
export class OnceAWhile {
  /** By what it is: how often it came since it was said last. */
  readonly #unsaid = new Map<string, number>();

  /** @param everyMs how often at most the same thing is said. @defaultValue a minute */
  constructor(private readonly everyMs = 60_000) {}

  /** @param say gets how often it came since it was said last */
  came(what: string, say: (times: number) => void): void {
    const unsaid = this.#unsaid.get(what);
    if (unsaid === undefined) {
      this.#say(what, say, 1);
    } else {
      this.#unsaid.set(what, unsaid + 1);
    }
  }

  #say(what: string, say: (times: number) => void, times: number): void {
    this.#unsaid.set(what, 0);
    say(times);
    setTimeout(() => {
      const unsaid = this.#unsaid.get(what) ?? 0;
      if (unsaid > 0) {
        this.#say(what, say, unsaid);
      } else {
        this.#unsaid.delete(what); // the next one is said at once
      }
    }, this.everyMs).unref();
  }
}
