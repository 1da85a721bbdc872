import type { Counter, Registry } from 'prom-client';
import { newCounter } from './prom-client.js';

/** Counts what the subscribers of a process do. */
export class SubscriberMetrics {
  readonly #events: Counter<'group' | 'result'>;
  readonly #gaps: Counter<'group'>;

  constructor(register: Registry) {
    this.#events = newCounter({
      name: 'tally_subscriber_events_total',
      help: 'Calls of the handlers of outcomes: handled, failed, or set aside after too many that failed.',
      labelNames: ['group', 'result'],
      registers: [register],
    });
    this.#gaps = newCounter({
      name: 'tally_subscriber_gaps_total',
      help: 'How often a subscriber was told that outcomes were removed before its group came to them.',
      labelNames: ['group'],
      registers: [register],
    });
  }

  count(group: string, result: 'handled' | 'failed' | 'set aside'): void {
    this.#events.inc({ group, result: result.replace(' ', '_') });
  }

  gap(group: string): void {
    this.#gaps.inc({ group });
  }
}
