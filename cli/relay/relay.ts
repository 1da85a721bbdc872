import { setTimeout } from 'node:timers/promises';
import type { Client } from 'pg';
import { ConfigurationError } from '../../src/errors.js';
import type { RelayMetrics } from '../../src/metrics/relay-metrics.js';
import type { AwaitedOutcomes } from './delivery.js';
import { inspectTable } from './inspect-table.js';
import type { OutboxTable } from './inspect-table.js';
import { Outbox } from './outbox.js';
import { explained, openSession } from './postgres.js';
import { RelaySession } from './relay-session.js';
import type { SessionOptions } from './relay-session.js';

/** How long to wait before Postgres is tried again, doubling. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** How often a relay that stands by looks whether the other one is gone. */
const STAND_BY_MS = 500;

const LAG_EVERY_MS = 5_000;

export interface RelayOptions extends Omit<SessionOptions, 'outbox' | 'onEnd' | 'awaited'> {
  /** URL of Postgres. */
  readonly from: string;
  readonly table: string;
  readonly owner: string | undefined;
  readonly metrics: RelayMetrics | undefined;
  readonly closeTimeoutMs: number;
}

/** Relays the rows of a table, over one session of Postgres after the other, until it is stopped. */
export class Relay {
  readonly #stopping = new AbortController();
  readonly #awaited: AwaitedOutcomes = new Map();
  #running: Promise<void> | undefined;
  #session: RelaySession | undefined;
  /** Whether the settings were right once. */
  #isProven = false;

  constructor(private readonly options: RelayOptions) {}

  /** Resolves after {@link stop}. @throws ConfigurationError at the start, where waiting would not help */
  run(): Promise<void> {
    this.#running = this.#run();
    return this.#running;
  }

  /** Takes no more rows, waits for the outcomes of those that were sent, and marks them. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#session?.stop();
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { logger, metrics, table } = this.options;
    const { signal } = this.#stopping;
    metrics?.active(table, false);
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const sinceMs = performance.now();
      try {
        await this.#relayOnce();
      } catch (error) {
        if (error instanceof ConfigurationError && !this.#isProven) {
          throw error;
        }
        logger.warn(`${explained(error, 'rows wait').message}; trying again`);
      } finally {
        metrics?.active(table, false);
        metrics?.lag(table, undefined);
      }
      pauseMs =
        performance.now() - sinceMs > LONGEST_PAUSE_MS ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
      await pause(pauseMs, signal);
    }
  }

  /** As long as one session lasts. @throws what ended it */
  async #relayOnce(): Promise<void> {
    const client = await openSession(this.options.from);
    let stopTelling: (() => void) | undefined;
    try {
      const table = await inspectTable(client, this.options);
      this.#tellTable(table);
      const outbox = new Outbox(client, table);
      stopTelling = this.#tellLag(outbox);
      if (await this.#lock(outbox)) {
        await this.#relayRows(client, outbox);
      }
    } finally {
      stopTelling?.();
      client.end().catch(() => undefined);
    }
  }

  async #relayRows(client: Client, outbox: Outbox): Promise<void> {
    const { metrics, table, logger, closeTimeoutMs } = this.options;
    const onEnd: SessionOptions['onEnd'] = (outcome) => metrics?.ended(table, outcome);
    const session = new RelaySession({ ...this.options, outbox, onEnd, awaited: this.#awaited });
    this.#session = session;
    client.on('notification', () => {
      session.wake();
    });
    client.once('end', () => {
      session.fail(new Error('the connection to Postgres has ended'));
    });
    await client.query('listen tally_relay');
    logger.info(`relaying rows of ${table}`);
    metrics?.active(table, true);
    await session.run();
    await session.finish(closeTimeoutMs);
  }

  /** Waits until no other relay has the table. @returns false when it was stopped */
  async #lock(outbox: Outbox): Promise<boolean> {
    const { signal } = this.#stopping;
    for (let tries = 0; !signal.aborted; tries += 1) {
      if (await outbox.lock()) {
        return true;
      }
      if (tries === 0) {
        this.options.logger.info(`another relay has ${this.options.table}: standing by`);
      }
      await pause(STAND_BY_MS, signal);
    }
    return false;
  }

  #tellTable({ warnings }: OutboxTable): void {
    if (!this.#isProven) {
      this.#isProven = true;
      warnings.forEach((warning) => {
        this.options.logger.warn(warning);
      });
    }
  }

  /** @returns what ends it */
  #tellLag(outbox: Outbox): () => void {
    const { metrics, table } = this.options;
    if (metrics === undefined) {
      return () => undefined;
    }
    let isAsking = false;
    const tell = async () => {
      if (!isAsking) {
        isAsking = true;
        await outbox.lag().then(
          (lag) => {
            metrics.lag(table, lag);
          },
          () => undefined, // who relays meets the same error
        );
        isAsking = false;
      }
    };
    const timer = setInterval(() => void tell(), LAG_EVERY_MS);
    void tell();
    return () => {
      clearInterval(timer);
    };
  }
}

async function pause(ms: number, stopped: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal: stopped }).catch(() => undefined);
}
