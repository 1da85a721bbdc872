import type { Counter, Registry } from 'prom-client';
import { newCounter } from './prom-client.js';

/** Why the API turns requests away that could be sent again later. */
const REASONS = ['BACKPRESSURE', 'RATE_LIMITED'] as const;

/** Counts requests that the API answered with 429. */
export class TurnedAwayCounter {
  readonly #requests: Counter<'code'>;

  constructor(register: Registry) {
    this.#requests = newCounter({
      name: 'tally_http_turned_away_total',
      help: 'Requests that the API of this process answered with 429, by the code of the problem.',
      labelNames: ['code'],
      registers: [register],
    });
    for (const code of REASONS) {
      this.#requests.inc({ code }, 0);
    }
  }

  /** Counts an answer, if it turned its request away. */
  count(code: unknown): void {
    const reason = REASONS.find((it) => it === code);
    if (reason !== undefined) {
      this.#requests.inc({ code: reason });
    }
  }
}
