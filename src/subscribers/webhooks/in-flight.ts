/** Requests to one target at a time, of one process. */
export const MAX_IN_FLIGHT = 10;

/** What the first request to a target is expected to take. */
const FIRST_GUESS_MS = 200;

interface Target {
  running: number;
  /** What requests took lately, in ms. */
  usualMs: number;
  /** When those that found no place were told to come back, in ms of `performance.now()`. */
  lastTurnMs: number;
}

/**
 * Keeps a slow target from taking all places of a process. What finds no place at its target is told when to come back: each one
 * later than the one before, at the pace of that target, so that it is not asked again and again.
 */
export class InFlight {
  readonly #targets = new Map<string, Target>();

  constructor(private readonly limit = MAX_IN_FLIGHT) {}

  /**
   * @param name of the target, or of whoever has several
   * @returns how long to wait for a place in ms; 0 when there is one, which {@link leave} gives back
   */
  enter(name: string): number {
    const target = this.#targets.get(name) ?? { running: 0, usualMs: FIRST_GUESS_MS, lastTurnMs: 0 };
    this.#targets.set(name, target);
    if (target.running < this.limit) {
      target.running += 1;
      return 0;
    }
    const nowMs = performance.now();
    target.lastTurnMs = Math.max(target.lastTurnMs, nowMs) + target.usualMs / this.limit;
    return Math.ceil(target.lastTurnMs - nowMs);
  }

  /** @param tookMs what the request took; undefined when there was none */
  leave(name: string, tookMs?: number): void {
    const target = this.#targets.get(name);
    if (target !== undefined) {
      target.running -= 1;
      target.usualMs += ((tookMs ?? target.usualMs) - target.usualMs) / 8;
      if (target.running === 0 && target.lastTurnMs < performance.now()) {
        this.#targets.delete(name);
      }
    }
  }
}
