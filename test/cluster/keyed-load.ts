import { setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { Outcome, Producer, TallyError } from '../../src/index.js';
import type { Connection } from '../../src/redis/connection.js';

/** A failover and the retries after it take less. */
const OUTCOME_TIMEOUT_MS = 60_000;

/** Between two updates of a caller: what moves and fails shall have the machine, not the load. */
const PAUSE_MS = 25;

/** What is known of one update. */
interface Sent {
  readonly key: string;
  /** Its submit was answered. */
  accepted: boolean;
  /** It was reported as applied. */
  applied: boolean;
}

export interface Totals {
  readonly sent: number;
  readonly applied: number;
  /** What became of those that were not reported as applied. */
  readonly otherOutcomes: readonly string[];
  /** By how much cells are short of what was accepted. */
  readonly lostAccepted: number;
  /** By how much cells are short of what was reported as applied. */
  readonly lostApplied: number;
  /** By how much cells exceed what was sent at all. */
  readonly doubled: number;
}

/** Increments of 1 under idempotency keys, each sent again until its submit is answered; and what must come of them. */
export class KeyedLoad {
  readonly #sent: Sent[] = [];
  readonly #loops: Promise<void>[];
  readonly #otherOutcomes: string[] = [];
  #stopping = false;
  /** Submits that failed, and were sent again. */
  refusals = 0;

  constructor(
    private readonly producer: Producer,
    /** Names the cell of an update by its number. */
    private readonly keyOf: (number: number) => string,
    callers: number,
  ) {
    this.#loops = Array.from({ length: callers }, () => this.#call());
    Promise.all(this.#loops).catch(() => undefined); // `stop` tells
  }

  get sent(): number {
    return this.#sent.length;
  }

  /** Counts updates that are sent, and told as applied, from now on. */
  appliedFromNowOn(isCounted: (update: Pick<Sent, 'key'>) => boolean): () => number {
    const first = this.#sent.length;
    return () => this.#sent.slice(first).filter((sent) => sent.applied && isCounted(sent)).length;
  }

  /** Resolves when no update is under way any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
  }

  async totals(redis: Connection): Promise<Totals> {
    const byKey = new Map<string, { sent: number; accepted: number; applied: number }>();
    for (const { key, accepted, applied } of this.#sent) {
      const sums = byKey.get(key) ?? { sent: 0, accepted: 0, applied: 0 };
      byKey.set(key, sums);
      sums.sent += 1;
      sums.accepted += Number(accepted);
      sums.applied += Number(applied);
    }
    let [lostAccepted, lostApplied, doubled] = [0, 0, 0];
    for (const [key, sums] of byKey) {
      const value = Number((await redis.get(key)) ?? 0);
      lostAccepted += Math.max(0, sums.accepted - value);
      lostApplied += Math.max(0, sums.applied - value);
      doubled += Math.max(0, value - sums.sent);
    }
    const applied = this.#sent.filter((it) => it.applied).length;
    return { sent: this.sent, applied, otherOutcomes: this.#otherOutcomes, lostAccepted, lostApplied, doubled };
  }

  async #call(): Promise<void> {
    while (!this.#stopping) {
      const number = this.#sent.length;
      const sent: Sent = { key: this.keyOf(number), accepted: false, applied: false };
      this.#sent.push(sent);
      await this.#submit(sent, `update-${number}`);
      await wait(PAUSE_MS);
    }
  }

  async #submit(sent: Sent, idempotencyKey: string): Promise<void> {
    while (!sent.accepted) {
      const submission = await this.producer.counters
        .increment({ key: sent.key }, { idempotencyKey })
        .catch((error: unknown) => error as Error);
      if (submission instanceof Error) {
        if ((submission as Partial<TallyError>).code === 'CLOSED') {
          throw submission; // a test that has failed: else this would never give way to anything
        }
        this.refusals += 1;
      } else {
        sent.accepted = true;
        const outcome = await submission.outcome({ timeoutMs: OUTCOME_TIMEOUT_MS }).catch((error: unknown) => error);
        sent.applied = (outcome as Partial<Outcome>).status === 'applied';
        if (!sent.applied) {
          this.#otherOutcomes.push(inspect(outcome));
        }
      }
    }
  }
}
