import type { Outcome } from '../../src/index.js';
import type { LoadEvent } from './event.js';
import type { Ledger } from './ledger.js';
import type { Meter } from './meter.js';
import type { Target } from './target.js';
import type { Traffic } from './traffic.js';

/** One call or request with some updates. */
export interface Sending {
  /** Resolves when it is answered. */
  readonly answered: Promise<void>;
  /** Resolves when all of its outcomes are known, or won't be. */
  readonly ended: Promise<void>;
}

/** Sends what the traffic draws, and notes what becomes of it. */
export class Driver {
  #open = 0;
  #gaveUp = false;

  constructor(
    private readonly deps: {
      readonly target: Target;
      readonly traffic: Traffic;
      readonly ledger: Ledger;
      readonly meter: Meter;
      /** Updates that are sent together. */
      readonly batch: number;
      /** Whether the answer to a sending comes before its outcomes, so that both have times. */
      readonly answersFirst: boolean;
    },
  ) {}

  /** Sendings that have not ended. */
  get open(): number {
    return this.#open;
  }

  get isOver(): boolean {
    return this.deps.traffic.isOver;
  }

  /** Accepted updates without an outcome. */
  get backlog(): number {
    return this.deps.meter.backlog;
  }

  /**
   * Sends the next updates.
   *
   * @param dueAtMs when they were due, by `performance.now()`: their times count from then
   * @returns undefined when none is left, or has to wait for the outcomes of others
   */
  sendNext(dueAtMs: number): Sending | undefined {
    const { traffic, batch } = this.deps;
    const events: LoadEvent[] = [];
    while (events.length < batch) {
      const event = traffic.next();
      if (event === undefined) {
        break;
      }
      events.push(event);
    }
    return events.length === 0 ? undefined : this.#send(events, dueAtMs);
  }

  /** What comes from now on is too late to count. */
  giveUp(): void {
    this.#gaveUp = true;
  }

  #send(events: readonly LoadEvent[], dueAtMs: number): Sending {
    const { target, traffic, ledger, meter, answersFirst } = this.deps;
    this.#open += 1;
    for (const event of events) {
      ledger.sent(event);
    }
    meter.submitted(events.length, performance.now() - dueAtMs);
    let ended: Promise<void> = Promise.resolve();
    const answered = target.send(events.map(({ update }) => update)).then((answer) => {
      if (this.#gaveUp) {
        return;
      }
      if (answer.accepted !== 'all') {
        const isKnown = answer.accepted === 'none';
        meter.notAccepted(events.length, isKnown, answer.message);
        for (const event of events) {
          ledger.notAccepted(event, isKnown);
          traffic.decided(event, false);
        }
        return;
      }
      const ms = performance.now() - dueAtMs;
      const ends = events.map((event, place) => {
        meter.acknowledged(answersFirst ? ms : undefined);
        ledger.accepted(event);
        const { jobId, outcome } = answer.updates[place] ?? { outcome: Promise.reject(new Error('not answered')) };
        if (jobId !== undefined) {
          meter.batchSizes.add(jobId);
        }
        return this.#follow(event, outcome, dueAtMs);
      });
      ended = Promise.all(ends).then(() => undefined);
    });
    const all = answered
      .then(() => ended)
      .finally(() => {
        this.#open -= 1;
      });
    return { answered, ended: all };
  }

  async #follow(event: LoadEvent, coming: Promise<Outcome>, dueAtMs: number): Promise<void> {
    const { traffic, ledger, meter } = this.deps;
    try {
      const outcome = await coming;
      traffic.decided(event, outcome.status === 'applied');
      if (!this.#gaveUp) {
        meter.completed(event.update.operation, outcome, performance.now() - dueAtMs);
        ledger.ended(event, outcome);
      }
    } catch (error) {
      traffic.decided(event, false);
      if (!this.#gaveUp) {
        meter.error((error as Error).message);
      }
    }
  }
}
