/** Counted at a time: what is changed often stays among them, whatever comes beside. */
const MOST_COUNTED = 500;

/** Looked at of each job. */
const LOOKS = 16;

/** Counts which keys are changed most, by a sample of the updates of each job, within a bounded memory (space saving, halved). */
export class HotKeys {
  #counts = new Map<string, number>();

  /** @param updates the params of a job that was applied */
  count(updates: readonly unknown[]): void {
    const step = Math.ceil(updates.length / LOOKS);
    for (let index = 0; index < updates.length; index += step) {
      const key = keyOf(updates[index]);
      if (key !== undefined) {
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + step);
      }
    }
    if (this.#counts.size > MOST_COUNTED) {
      this.#counts = new Map(this.#largest(MOST_COUNTED / 2));
    }
  }

  /** Those that were counted most since this was asked last. */
  take(most: number): [key: string, count: number][] {
    const largest = this.#largest(most);
    this.#counts = new Map();
    return largest;
  }

  #largest(most: number): [string, number][] {
    return [...this.#counts].sort(([, one], [, other]) => other - one).slice(0, most);
  }
}

/** Of an update of several cells the first is as good as any. */
function keyOf(params: unknown): string | undefined {
  const { key, items, entries } = (params ?? {}) as Record<'key' | 'items' | 'entries', unknown>;
  if (typeof key === 'string') {
    return key;
  }
  const [first] = (Array.isArray(items) ? items : Array.isArray(entries) ? entries : []) as [{ key?: unknown }?];
  return typeof first?.key === 'string' ? first.key : undefined;
}
