import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Outcome, Producer } from '../../../src/index.js';

/** A failover and the retries after it take less. */
const OUTCOME_TIMEOUT_MS = 60_000;

/** Enough updates in each moment of a failover, and few enough for two cores that hold everything. */
const PAUSE_MS = 20;

const READ_AT_ONCE = 500;

/** What was told of one update, and when. */
interface Update {
  acceptedAtMs?: number;
  appliedAtMs?: number;
  /** Whether it was answered from the receipt of an earlier one with its key. */
  isRepeat?: boolean;
}

interface Lost {
  readonly number: number;
  readonly toldAtMs: number;
  readonly isRepeat: boolean;
}

export interface Judged {
  readonly sent: number;
  readonly accepted: number;
  readonly applied: number;
  /** Told as accepted, and without effect. */
  readonly lostAccepted: readonly Lost[];
  /** Told as applied, and without effect. */
  readonly lostApplied: readonly Lost[];
  readonly doubled: number;
}

/** Increments by 1, each of a cell of its own and under a key of its own, sent again until its submit is answered. */
export class ToldLoad {
  readonly #updates: Update[] = [];
  readonly #callers: Promise<void>[];
  #stopping = false;

  constructor(
    private readonly producer: Producer,
    private readonly cells: string,
    callers: number,
  ) {
    this.#callers = Array.from({ length: callers }, () => this.#call());
  }

  /** Resolves when no update is under way any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#callers);
  }

  async judge(master: Redis): Promise<Judged> {
    const values = await this.#read(master);
    const lost = (toldAtMs: (update: Update) => number | undefined) =>
      this.#updates.flatMap((update, number): Lost[] => {
        const atMs = toldAtMs(update);
        return atMs === undefined || values[number] !== 0
          ? []
          : [{ number, toldAtMs: atMs, isRepeat: update.isRepeat ?? false }];
      });
    return {
      sent: this.#updates.length,
      accepted: this.#updates.filter(({ acceptedAtMs }) => acceptedAtMs !== undefined).length,
      applied: this.#updates.filter(({ appliedAtMs }) => appliedAtMs !== undefined).length,
      lostAccepted: lost(({ acceptedAtMs }) => acceptedAtMs),
      lostApplied: lost(({ appliedAtMs }) => appliedAtMs),
      doubled: values.filter((value) => value > 1).length,
    };
  }

  async #read(master: Redis): Promise<number[]> {
    const values: number[] = [];
    while (values.length < this.#updates.length) {
      const from = values.length;
      const count = Math.min(READ_AT_ONCE, this.#updates.length - from);
      const keys = Array.from({ length: count }, (_, place) => this.#cell(from + place));
      values.push(...(await master.mget(keys)).map((text) => Number(text ?? 0)));
    }
    return values;
  }

  #cell(number: number): string {
    return `${this.cells}:${number}`;
  }

  async #call(): Promise<void> {
    while (!this.#stopping) {
      const number = this.#updates.length;
      const update: Update = {};
      this.#updates.push(update);
      await this.#send(update, number);
      await wait(PAUSE_MS);
    }
  }

  async #send(update: Update, number: number): Promise<void> {
    while (update.acceptedAtMs === undefined) {
      try {
        const submission = await this.producer.counters.increment(
          { key: this.#cell(number) },
          { idempotencyKey: `update-${number}` },
        );
        update.acceptedAtMs = Date.now();
        update.isRepeat = submission.isRepeat;
        const { status }: Pick<Outcome, 'status'> = await submission.outcome({ timeoutMs: OUTCOME_TIMEOUT_MS });
        if (status === 'applied') {
          update.appliedAtMs = Date.now();
        }
      } catch {
        await wait(PAUSE_MS); // not answered: sent again; no outcome in time: it was not told as applied
      }
    }
  }
}
