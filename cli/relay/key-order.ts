/** What waits for its turn, with the keys that it needs. */
interface Turn<Item> {
  readonly item: Item;
  readonly keys: readonly string[];
  /** Its keys that others have before it. */
  taken: number;
}

/** Lets one item at a time have each key, in the order in which they came. */
export class KeyOrder<Item extends object> {
  /** By key: who has it, and who waits for it. */
  readonly #queues = new Map<string, Turn<Item>[]>();
  readonly #turns = new Map<Item, Turn<Item>>();

  /** @param keys no key twice. @returns whether it is its turn now */
  add(item: Item, keys: readonly string[]): boolean {
    const turn = { item, keys, taken: 0 };
    this.#turns.set(item, turn);
    for (const key of keys) {
      const queue = this.#queues.get(key);
      if (queue === undefined) {
        this.#queues.set(key, [turn]);
      } else {
        queue.push(turn);
        turn.taken += 1;
      }
    }
    return turn.taken === 0;
  }

  /** Gives its keys to the next ones. @returns those whose turn it is now */
  done(item: Item): Item[] {
    const next: Item[] = [];
    for (const key of this.#turns.get(item)?.keys ?? []) {
      const queue = this.#queues.get(key) ?? [];
      queue.shift();
      const [first] = queue;
      if (first === undefined) {
        this.#queues.delete(key);
      } else {
        first.taken -= 1;
        if (first.taken === 0) {
          next.push(first.item);
        }
      }
    }
    this.#turns.delete(item);
    return next;
  }
}
