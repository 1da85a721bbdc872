import type { Gauge, Registry } from 'prom-client';
import { readGroups } from '../jobs/told-groups.js';
import type { GroupReading } from '../jobs/told-groups.js';
import type { Store } from '../layout/store.js';
import { coalesce } from '../lib/coalesce.js';
import { valueWithin } from '../lib/timeouts.js';
import { newGauge } from './prom-client.js';

const READ_TIMEOUT_MS = 1_500;

/** The gauges of groups of subscribers, read when they are asked for. None while outcomes are not told. */
export class OutcomeGauges {
  readonly #gauges: readonly (readonly [Gauge<'group'>, (group: GroupReading) => number])[];
  readonly #readOnce = coalesce(() => this.#read());

  constructor(
    register: Registry,
    private readonly store: Pick<Store, 'redis' | 'keys' | 'logger'>,
  ) {
    const gauge = (name: string, help: string, read: (group: GroupReading) => number) =>
      [newGauge({ name, help, labelNames: ['group'], registers: [register] }), read] as const;
    this.#gauges = [
      gauge('tally_outcomes_lag_updates', 'Updates told that a group was not given yet.', ({ lag }) => lag),
      gauge(
        'tally_outcomes_behind_seconds',
        'How long ago the first of the outcomes was told that a group was not given yet; 0 when it was given all.',
        ({ behindMs }) => behindMs / 1000,
      ),
      gauge(
        'tally_outcomes_pending_jobs',
        'Jobs whose outcomes a group was given and has not acknowledged.',
        ({ pending }) => pending,
      ),
      gauge('tally_outcomes_gaps', 'How often outcomes were removed before a group came to them.', ({ gaps }) => gaps),
      gauge('tally_outcomes_lost_updates', 'How many updates those were, as far as is known.', ({ lost }) => lost),
      gauge('tally_outcomes_dead_letters', 'Events that a group has set aside.', ({ dead }) => dead),
    ];
  }

  async refresh(): Promise<void> {
    const groups = await valueWithin(this.#readOnce(), READ_TIMEOUT_MS, []);
    for (const [gauge, read] of this.#gauges) {
      gauge.reset();
      for (const group of groups) {
        gauge.set({ group: group.name }, read(group));
      }
    }
  }

  async #read(): Promise<GroupReading[]> {
    try {
      return await readGroups(this.store.redis, this.store.keys);
    } catch (error) {
      this.store.logger.debug({ err: error }, 'could not read the groups of subscribers');
      return [];
    }
  }
}
