/** What waits in a lane: one update and the promise of its caller. */
export interface Entry<Item, Receipt> {
  readonly item: Item;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
}

export interface LaneOptions<Item, Receipt> {
  /** Updates in one batch at most. */
  readonly maxBatch: number;
  /** Cells in one batch at most, beyond its first update. */
  readonly maxCells: number;
  readonly cellsOf: (item: Item) => number;
  /** Batches on their way at a time. A batch that is not full goes only when no other is on its way. */
  readonly maxInFlight: number;
  /** Sends a batch and returns what each of its callers gets, in order. */
  readonly send: (items: Item[]) => Promise<Receipt[]>;
  /** The error for callers whose update was not sent because a batch before it failed. */
  readonly notSent: (cause: unknown) => Error;
}

/**
 * Natural batching: while a batch is on its way, whatever arrives gathers and leaves together as the next. There
 * are no timers, so an idle lane sends at once and a busy one fills its batches.
 *
 * When a batch can't be sent, what gathered behind it is refused as well: its callers have waited already.
 */
export class Lane<Item, Receipt> {
  #gathered: Entry<Item, Receipt>[] = [];
  readonly #inFlight = new Set<Promise<void>>();

  constructor(private readonly options: LaneOptions<Item, Receipt>) {}

  /** How many updates wait here, not counting those on their way. */
  get waiting(): number {
    return this.#gathered.length;
  }

  /** Adds an update; {@link dispatch} sends it. */
  push(entry: Entry<Item, Receipt>): void {
    this.#gathered.push(entry);
  }

  /** Sends what has gathered: at once when nothing is on its way, otherwise in full batches only. */
  dispatch(): void {
    while (this.#mayDepart()) {
      const sending = this.#send(this.#gathered.splice(0, this.#batchLength())).then(() => {
        this.#inFlight.delete(sending);
        this.dispatch();
      });
      this.#inFlight.add(sending);
    }
  }

  /** Resolves when everything pushed so far is sent or refused. */
  async flush(): Promise<void> {
    while (this.#inFlight.size > 0) {
      await Promise.all(this.#inFlight);
    }
  }

  #mayDepart(): boolean {
    const { maxBatch, maxInFlight } = this.options;
    const gathered = this.#gathered.length;
    return this.#inFlight.size === 0 ? gathered > 0 : gathered >= maxBatch && this.#inFlight.size < maxInFlight;
  }

  #batchLength(): number {
    const { maxBatch, maxCells, cellsOf } = this.options;
    let cells = 0;
    const end = this.#gathered.findIndex(({ item }, index) => {
      cells += cellsOf(item);
      return index === maxBatch || (index > 0 && cells > maxCells);
    });
    return end === -1 ? this.#gathered.length : end;
  }

  async #send(batch: Entry<Item, Receipt>[]): Promise<void> {
    try {
      const receipts = await this.options.send(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) {
        resolve(receipts[index] as Receipt);
      }
    } catch (error) {
      for (const { reject } of batch) {
        reject(error);
      }
      const refusal = this.options.notSent(error);
      for (const { reject } of this.#gathered.splice(0)) {
        reject(refusal);
      }
    }
  }
}
