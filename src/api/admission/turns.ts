/** How long bodies may be worked on before the loop of events goes on: probes and answers of Redis are heard in between. */
const SLICE_MS = 3;

/** Turns of the loop between two slices: Node accepts one connection in each, and a probe may stand behind many. */
const TURNS_BETWEEN = 10;

/** Has work that blocks the process done piece by piece, with everything else in between. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #usedMs = 0;
  #turnsLeft = 0;
  #isGoing = false;

  /** Does it now, if there is time for it, or in a later turn of the loop; in the order of the calls. */
  take(work: () => void): void {
    if (this.#waiting.length > 0 || this.#usedMs >= SLICE_MS) {
      this.#waiting.push(work);
    } else {
      this.#do(work);
    }
    if (!this.#isGoing) {
      this.#isGoing = true;
      setImmediate(this.#turn);
    }
  }

  readonly #turn = (): void => {
    if (this.#turnsLeft > 0) {
      this.#turnsLeft -= 1;
      setImmediate(this.#turn);
      return;
    }
    this.#usedMs = 0;
    while (this.#usedMs < SLICE_MS && this.#waiting.length > 0) {
      this.#do(this.#waiting.shift() as () => void);
    }
    this.#isGoing = this.#usedMs > 0;
    if (this.#isGoing) {
      setImmediate(this.#turn);
    }
  };

  #do(work: () => void): void {
    const startedAt = performance.now();
    work();
    this.#usedMs += performance.now() - startedAt;
    this.#turnsLeft = this.#usedMs < SLICE_MS ? 0 : TURNS_BETWEEN;
  }
}
