import type { Counter, Gauge, Registry } from 'prom-client';
import { newCounter, newGauge } from './prom-client.js';

/** Counts what a relay does with the rows of a table, and tells how far it is behind. */
export class RelayMetrics {
  readonly #rows: Counter<'table' | 'outcome'>;
  readonly #waiting: Gauge<'table'>;
  readonly #oldest: Gauge<'table'>;
  readonly #active: Gauge<'table'>;

  constructor(register: Registry) {
    const labelNames = ['table'] as const;
    const registers = [register];
    this.#rows = newCounter({
      name: 'tally_relay_rows_total',
      help: 'Rows that were marked or removed, by what became of their updates.',
      labelNames: ['table', 'outcome'],
      registers,
    });
    this.#waiting = newGauge({
      name: 'tally_relay_rows_waiting',
      help: 'Rows without an outcome, up to 100,001.',
      labelNames,
      registers,
    });
    this.#oldest = newGauge({
      name: 'tally_relay_oldest_row_age_seconds',
      help: 'Since when the first row without an outcome was written, by the clock of Postgres; 0 when there is none.',
      labelNames,
      registers,
    });
    this.#active = newGauge({
      name: 'tally_relay_active',
      help: 'Whether this relay takes rows, 1, or stands by or has no Postgres, 0.',
      labelNames,
      registers,
    });
  }

  ended(table: string, outcome: string): void {
    this.#rows.inc({ table, outcome });
  }

  /** @param lag undefined when it is not known */
  lag(table: string, lag: { readonly waiting: number; readonly oldestSeconds: number } | undefined): void {
    if (lag === undefined) {
      this.#waiting.remove({ table });
      this.#oldest.remove({ table });
    } else {
      this.#waiting.set({ table }, lag.waiting);
      this.#oldest.set({ table }, lag.oldestSeconds);
    }
  }

  active(table: string, isActive: boolean): void {
    this.#active.set({ table }, Number(isActive));
  }
}
