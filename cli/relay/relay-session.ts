import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { BuiltInOperation, Operation, Producer } from '../../src/index.js';
import type { Registry } from '../../src/operations/registry.js';
import { Bell } from './bell.js';
import { Delivery } from './delivery.js';
import type { AwaitedOutcomes, HeldRow } from './delivery.js';
import { KeyOrder } from './key-order.js';
import type { Outbox, OutboxRow, RowEnd } from './outbox.js';
import { updateOf } from './row-update.js';

/** Rows in hand: sent, or waiting for one before them. More would only wait elsewhere. */
const MOST_IN_HAND = 5_000;

/** Rows taken at once, and how many there has to be room for. */
const PAGE = 1_000;
const LEAST_ROOM = 250;

export interface SessionOptions {
  readonly outbox: Outbox;
  readonly producer: Producer<BuiltInOperation | Operation>;
  /** Of this process, over all sessions. */
  readonly awaited: AwaitedOutcomes;
  readonly registry: Registry;
  readonly logger: Logger;
  /** Gets what became of each row. */
  readonly onEnd: (outcome: RowEnd['outcome']) => void;
  /** Redis' time, in ms; waits for Redis. @throws when that is stopped */
  readonly redisTime: (stopped: AbortSignal) => Promise<number>;
  /** How long idempotency keys are remembered. */
  readonly windowMs: number;
  /** Whether updates of a cell go one after the other. */
  readonly ordered: boolean;
  /** Whether applied rows are removed in place of marked. */
  readonly deleteApplied: boolean;
  /** How long to wait before looking again where no row waited. */
  readonly pollMs: number;
}

/**
 * Relays rows for as long as one session of Postgres lasts. All it holds in memory is lost with it, and found again in the table: what was sent
 * twice takes effect once.
 *
 * A cell's next update is sent when the outcome of the one before is known, not earlier: what fails in a batch is put back as a job of its
 * own, and would overtake those behind it.
 */
export class RelaySession {
  readonly #order = new KeyOrder<HeldRow>();
  readonly #held = new Set<HeldRow>();
  readonly #started = new Set<HeldRow>();
  readonly #ended: RowEnd[] = [];
  readonly #bell = new Bell();
  readonly #taking = new AbortController();
  readonly #sending = new AbortController();
  readonly #delivery: Delivery;
  #isMarking = false;
  #failure: unknown;

  constructor(private readonly options: SessionOptions) {
    const { producer, awaited, logger, outbox } = options;
    setMaxListeners(0, this.#sending.signal); // of every row that waits for Redis
    this.#delivery = new Delivery({
      producer,
      awaited,
      logger,
      stopped: this.#sending.signal,
      renew: async ({ id }) => (await outbox.renew([id], await this.#rememberedUntil(this.#sending.signal)))[0],
    });
  }

  /** Rows may wait. */
  wake(): void {
    this.#bell.ring();
  }

  /** Resolves after {@link stop}. @throws what ended the session */
  async run(): Promise<void> {
    const { outbox, pollMs } = this.options;
    const { signal } = this.#taking;
    try {
      for (const row of await outbox.takeOver(await this.#rememberedUntil(signal))) {
        this.#accept(row, true);
      }
      while (!signal.aborted) {
        const limit = Math.min(PAGE, MOST_IN_HAND - this.#held.size - this.#ended.length);
        const rows = limit < LEAST_ROOM ? [] : await outbox.take(limit, await this.#rememberedUntil(signal));
        rows.forEach((row) => {
          this.#accept(row, false);
        });
        if (rows.length < limit || limit < LEAST_ROOM) {
          await this.#bell.rung(pollMs);
        }
      }
    } catch (error) {
      if (!signal.aborted) {
        this.fail(error);
      }
    }
    this.#requireSound();
  }

  /** Takes no more rows. */
  stop(): void {
    this.#taking.abort();
    this.#bell.ring();
  }

  /** After {@link run}: waits for the outcomes of what was sent, and gives the other rows back. */
  async finish(timeoutMs: number): Promise<void> {
    const endsAtMs = performance.now() + timeoutMs;
    for (let leftMs = timeoutMs; leftMs > 0 && this.#isBusy; leftMs = endsAtMs - performance.now()) {
      await this.#bell.rung(Math.min(leftMs, 50));
    }
    const unsent = [...this.#held].filter((held) => !this.#started.has(held) && !held.maybeSent);
    this.#sending.abort();
    if (this.#failure === undefined) {
      await this.options.outbox.release(unsent.map(({ row }) => row.id));
    }
  }

  /** Nothing can be marked any more: the rest is left to the next session. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#sending.abort();
    this.stop();
  }

  get #isBusy(): boolean {
    return this.#failure === undefined && (this.#started.size > 0 || this.#ended.length > 0);
  }

  async #rememberedUntil(stopped: AbortSignal): Promise<Date> {
    return new Date((await this.options.redisTime(stopped)) + this.options.windowMs);
  }

  #requireSound(): void {
    if (this.#failure !== undefined) {
      throw this.#failure as Error;
    }
  }

  #accept(row: OutboxRow, maybeSent: boolean): void {
    const found = updateOf(row, this.options.registry);
    if ('fault' in found) {
      this.#end({ id: row.id, outcome: 'invalid', reason: found.fault });
      return;
    }
    const held: HeldRow = { row, update: found.update, maybeSent };
    this.#held.add(held);
    if (this.#order.add(held, this.options.ordered ? found.cells : []) && !this.#taking.signal.aborted) {
      void this.#start(held);
    }
  }

  async #start(held: HeldRow): Promise<void> {
    this.#started.add(held);
    try {
      const end = await this.#delivery.deliver(held);
      if (this.#sending.signal.aborted) {
        return; // the next session finds it again
      }
      if (end !== undefined) {
        this.#end(end);
      }
      for (const next of this.#order.done(held)) {
        if (!this.#taking.signal.aborted) {
          void this.#start(next);
        }
      }
    } catch (error) {
      if (!this.#sending.signal.aborted) {
        this.fail(error);
      }
    } finally {
      this.#held.delete(held);
      this.#started.delete(held);
      this.#bell.ring();
    }
  }

  #end(end: RowEnd): void {
    this.#ended.push(end);
    if (!this.#isMarking) {
      this.#isMarking = true;
      void this.#mark();
    }
  }

  /** While some are written, others gather. */
  async #mark(): Promise<void> {
    const { outbox, deleteApplied } = this.options;
    try {
      await setImmediate();
      while (this.#ended.length > 0 && !this.#sending.signal.aborted) {
        const ends = this.#ended.slice(0, PAGE);
        const isRemoved = ({ outcome }: RowEnd) => deleteApplied && outcome === 'applied';
        await outbox.remove(ends.filter(isRemoved).map(({ id }) => id));
        await outbox.mark(ends.filter((end) => !isRemoved(end)));
        this.#ended.splice(0, ends.length);
        ends.forEach((end) => {
          this.#tell(end);
        });
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.#isMarking = false; // in the same turn as the last look at what has ended
      this.#bell.ring();
    }
  }

  #tell({ id, outcome, reason }: RowEnd): void {
    const { onEnd, logger } = this.options;
    onEnd(outcome);
    if (outcome === 'invalid' || outcome === 'failed' || outcome === 'unknown') {
      logger.warn({ row: id, outcome }, `row ${id} is set aside: ${reason ?? ''}`);
    }
  }
}
