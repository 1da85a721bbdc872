import type { Gauge, Registry } from 'prom-client';
import type { Store } from '../layout/store.js';
import { coalesce } from '../lib/coalesce.js';
import { valueWithin } from '../lib/timeouts.js';
import { toExactMs } from '../redis/server-time.js';
import { readProcesses } from './processes.js';
import { newGauge } from './prom-client.js';

const READ_TIMEOUT_MS = 1_500;

/** How many processes are connected, scraped or not: by what they have said of themselves in Redis. */
export class ProcessGauge {
  readonly #gauge: Gauge<'role'>;
  readonly #readOnce = coalesce(() => this.#read());

  constructor(
    register: Registry,
    private readonly store: Pick<Store, 'redis' | 'keys' | 'logger'>,
  ) {
    this.#gauge = newGauge({
      name: 'tally_processes',
      help: 'Processes that are connected to this Redis, by what they are: worker, api, dashboard; one that was killed for another minute.',
      labelNames: ['role'],
      registers: [register],
    });
  }

  async refresh(): Promise<void> {
    const roles = await valueWithin(this.#readOnce(), READ_TIMEOUT_MS, []);
    this.#gauge.reset();
    for (const role of roles) {
      this.#gauge.inc({ role });
    }
  }

  async #read(): Promise<string[]> {
    const { redis, keys, logger } = this.store;
    try {
      const processes = await readProcesses(redis, keys, toExactMs(await redis.time()));
      return processes.map(({ role }) => role);
    } catch (error) {
      logger.debug({ err: error }, 'could not read which processes are connected');
      return [];
    }
  }
}
