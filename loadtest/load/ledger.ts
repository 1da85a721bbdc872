import type { Outcome } from '../../src/index.js';
import type { Change, LoadEvent } from './event.js';

/** What a cell has to hold. */
export interface Expected {
  readonly low: number;
  /** More than `low` when it is not known of some updates whether they took effect. */
  readonly high: number;
}

/**
 * What every cell has to hold, by what was acknowledged and told as outcomes: an accepted event counts once, however
 * often it was sent; one whose acceptance nobody knows counts as zero or one.
 */
export class Ledger {
  readonly #low: Float64Array;
  readonly #high: Float64Array;
  readonly #touched = new Set<number>();
  readonly #open = new Set<LoadEvent>();
  /** Events that count as zero or one. */
  uncertain = 0;
  /** Accepted sendings that have no outcome. */
  undrained = 0;
  /** Events that were told as applied for the first time more than once. */
  appliedTwice = 0;
  /** Units of stock that there were to take. */
  unitsStocked = 0;
  /** Units of stock that outcomes told as taken. */
  unitsTaken = 0;
  /** Accepted events that were to take stock. */
  takings = 0;

  constructor(cells: number) {
    this.#low = new Float64Array(cells);
    this.#high = new Float64Array(cells);
  }

  /** Cells that an update may have changed. */
  get touched(): Iterable<number> {
    return this.#touched;
  }

  expected(cell: number): Expected {
    return { low: this.#low[cell] ?? 0, high: this.#high[cell] ?? 0 };
  }

  sent(event: LoadEvent): void {
    event.unanswered += 1;
    this.#open.add(event);
    for (const { cell } of event.changes) {
      this.#touched.add(cell);
    }
  }

  accepted(event: LoadEvent): void {
    event.unanswered -= 1;
    event.wasAccepted = true;
    event.withoutOutcome += 1;
  }

  /** @param isKnown whether it is certain that it was not accepted */
  notAccepted(event: LoadEvent, isKnown: boolean): void {
    event.unanswered -= 1;
    event.mayBeAccepted ||= !isKnown;
    this.#closeIfDone(event);
  }

  ended(event: LoadEvent, outcome: Outcome): void {
    event.withoutOutcome -= 1;
    event.firstApplied += outcome.status === 'applied' && outcome.duplicate !== true ? 1 : 0;
    if (event.outcome === undefined || weight(outcome) > weight(event.outcome)) {
      event.outcome = outcome;
    }
    this.#closeIfDone(event);
  }

  /** Counts what is left: answers and outcomes that did not come. */
  closeAll(): void {
    for (const event of this.#open) {
      event.mayBeAccepted ||= event.unanswered > 0;
      this.undrained += event.withoutOutcome;
      this.#close(event);
    }
    this.#open.clear();
  }

  #closeIfDone(event: LoadEvent): void {
    if (event.unanswered === 0 && event.withoutOutcome === 0 && event.sendingsLeft === 0) {
      this.#open.delete(event);
      this.#close(event);
    }
  }

  #close(event: LoadEvent): void {
    const effects = event.changes.map((change) => effectOf(event, change));
    for (const [place, { cell }] of event.changes.entries()) {
      const { low, high } = effects[place] ?? { low: 0, high: 0 };
      this.#low[cell] = (this.#low[cell] ?? 0) + low;
      this.#high[cell] = (this.#high[cell] ?? 0) + high;
    }
    this.uncertain += effects.some(({ low, high }) => low !== high) ? 1 : 0;
    this.appliedTwice += event.firstApplied > 1 ? 1 : 0;
    this.#countUnits(event, effects[0]?.high ?? 0);
  }

  #countUnits({ update: { operation }, wasAccepted }: LoadEvent, units: number): void {
    if (operation === 'inventory.restock') {
      this.unitsStocked += units;
    } else if (operation === 'inventory.take' && wasAccepted) {
      this.takings += 1;
      this.unitsTaken -= units;
    }
  }
}

/** An outcome that took effect speaks for all sendings of an event; one that leaves it open comes before a refusal. */
function weight(outcome: Outcome): number {
  if (outcome.status === 'applied') {
    return 3;
  }
  return outcome.status === 'unknown' ? 2 : 1;
}

const NOTHING: Expected = { low: 0, high: 0 };

function effectOf({ outcome, wasAccepted, mayBeAccepted, update }: LoadEvent, { by }: Change): Expected {
  const zeroOrOne = { low: Math.min(0, by), high: Math.max(0, by) };
  if (outcome?.status === 'applied') {
    const exact = update.operation === 'inventory.take' ? -takenOf(outcome.result) : by;
    return { low: exact, high: exact };
  }
  if (outcome !== undefined) {
    return outcome.status === 'unknown' ? zeroOrOne : NOTHING;
  }
  if (wasAccepted) {
    // What is taken or held depends on the stock of the moment, so only the outcome tells.
    return /^inventory\.(take|reserve|release)$/.test(update.operation) ? zeroOrOne : { low: by, high: by };
  }
  return mayBeAccepted ? zeroOrOne : NOTHING;
}

/** An outcome is what someone else says: one without a number counts as nothing taken, and the totals show it. */
function takenOf(result: unknown): number {
  const { taken } = (result ?? {}) as { taken?: unknown };
  return typeof taken === 'number' ? taken : 0;
}
