/** The promise of a caller whose update waits. */
export interface Caller<Receipt> {
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
}

export interface BatcherOptions<Item, Receipt> {
  /** Updates in one batch at most. */
  readonly maxBatch: number;
  /** Cells in one batch at most, beyond its first update. */
  readonly maxCells: number;
  /** Batches on their way at a time. A batch that is not full goes only when no other is on its way. */
  readonly maxInFlight: number;
  /** How many wait in this batcher and in others, not counting those on their way. */
  readonly total: { waiting: number };
  /** Sends a batch and returns what each of its callers gets, in order. */
  readonly send: (items: readonly Item[]) => Promise<readonly Receipt[]>;
  /** The error for callers whose update was not sent because a batch before it failed. */
  readonly notSent: (cause: unknown) => Error;
}

/** What waits: an update, with its caller. One object, since the garbage collector copies what waits. */
interface Waiting<Receipt> extends Caller<Receipt> {
  /** How many cells it touches. */
  readonly cells: number;
}

/**
 * Natural batching: while a batch is on its way, whatever arrives gathers and leaves together as the next. There
 * are no timers, so an idle batcher sends at once, at the end of this turn of the event loop, and a busy one fills its batches.
 *
 * When a batch can't be sent, what gathered behind it is refused as well: its callers have waited already.
 */
export class Batcher<Item extends Waiting<Receipt>, Receipt> {
  #gathered: Item[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  #isScheduled = false;

  constructor(private readonly options: BatcherOptions<Item, Receipt>) {}

  /** Adds an update; {@link dispatch} sends it. */
  push(item: Item): void {
    this.#gathered.push(item);
    this.options.total.waiting += 1;
  }

  /**
   * Sends what has gathered: full batches now, one that is not full with all that is pushed in this turn of the event loop, and
   * only when nothing else is on its way.
   */
  dispatch(): void {
    if (this.#gathered.length >= this.options.maxBatch) {
      this.#sendBatches();
    } else if (!this.#isScheduled && this.#maySend()) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#sendBatches();
      });
    }
  }

  #sendBatches(): void {
    while (this.#maySend()) {
      const sending = this.#send(this.#takeBatch()).then(() => {
        this.#inFlight.delete(sending);
        this.dispatch();
      });
      this.#inFlight.add(sending);
    }
  }

  /** Resolves when everything pushed so far is sent or refused. */
  async flush(): Promise<void> {
    while (this.#gathered.length > 0 || this.#inFlight.size > 0) {
      this.#sendBatches();
      await Promise.all(this.#inFlight);
    }
  }

  #maySend(): boolean {
    const { maxBatch, maxInFlight } = this.options;
    const gathered = this.#gathered.length;
    return this.#inFlight.size === 0 ? gathered > 0 : gathered >= maxBatch && this.#inFlight.size < maxInFlight;
  }

  #takeBatch(): Item[] {
    const { maxBatch, maxCells } = this.options;
    const gathered = this.#gathered;
    let length = 0;
    for (let cells = 0; length < gathered.length && length < maxBatch; length += 1) {
      cells += gathered[length]?.cells ?? 0;
      if (length > 0 && cells > maxCells) {
        break;
      }
    }
    this.options.total.waiting -= length;
    if (length < gathered.length) {
      return gathered.splice(0, length);
    }
    this.#gathered = [];
    return gathered;
  }

  async #send(batch: readonly Item[]): Promise<void> {
    try {
      const receipts = await this.options.send(batch);
      for (const [index, { resolve }] of batch.entries()) {
        resolve(receipts[index] as Receipt);
      }
    } catch (error) {
      for (const { reject } of batch) {
        reject(error);
      }
      const refusal = this.options.notSent(error);
      const behind = this.#gathered;
      this.#gathered = [];
      this.options.total.waiting -= behind.length;
      for (const { reject } of behind) {
        reject(refusal);
      }
    }
  }
}
