import type { Counter, Registry } from 'prom-client';
import { REFUSALS } from '../redis/refusal.js';
import type { RefusalCode } from '../redis/refusal.js';
import { newCounter } from './prom-client.js';

/** Counts what Redis refuses. The producers, workers and pages of a process that share metrics share this. */
export class RefusalCounter {
  readonly #refusals: Counter<'code'>;

  constructor(register: Registry) {
    this.#refusals = newCounter({
      name: 'tally_redis_refusals_total',
      help: "Commands and connections of this process that Redis refused, by Redis' own code.",
      labelNames: ['code'],
      registers: [register],
    });
    for (const code of Object.keys(REFUSALS)) {
      this.#refusals.inc({ code }, 0); // the first increase of a counter that was not there before is in no rate
    }
  }

  count(code: RefusalCode): void {
    this.#refusals.inc({ code });
  }
}
