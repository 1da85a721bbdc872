/** So long a backlog must have been looked at before it can be said where it goes. */
const LEAST_MS = 8_000;
const MEMORY_MS = 60_000;

/** How backlogs change while somebody looks at them. */
export class Trends {
  readonly #seen = new Map<string, { readonly atMs: number; readonly updates: number }[]>();

  /**
   * Remembers how much waits now.
   *
   * @returns by how many updates a second it has grown within the last minute, below 0 when it shrinks; undefined when nobody has
   * looked for long enough
   */
  note(queue: string, updates: number, atMs: number): number | undefined {
    const seen = (this.#seen.get(queue) ?? []).filter((each) => atMs - each.atMs <= MEMORY_MS && each.atMs < atMs);
    this.#seen.set(queue, [...seen, { atMs, updates }]);
    const [first] = seen;
    return first === undefined || atMs - first.atMs < LEAST_MS
      ? undefined
      : ((updates - first.updates) * 1_000) / (atMs - first.atMs);
  }
}
