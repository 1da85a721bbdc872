import { defineConfig } from 'vitest/config';
import type { TestProjectInlineConfiguration } from 'vitest/config';
import { longestFirst } from './test/support/longest-first.js';
import onOneServer from './vitest.config.js';

const inIntegration = (names: readonly string[]) => names.map((name) => `test/integration/${name}.test.ts`);

/** The core. Sentinel, which differs from a Redis server only in how it is reached, proves the first three. */
const CORE = ['exactly-once', 'concurrency', 'edges', 'backpressure', 'http-updates'];

/**
 * What depends on where jobs, receipts, histories and cells lie. The rest of `test/integration` would prove no more than on one server:
 * sign-in, API keys, forms of requests and of commands; or it starts a server of its own, and leaves itself out here (see
 * `test/support/skip-unless-one-server.ts`), as single tests of these files do.
 */
const LAID_OUT = [
  ...CORE,
  ...['examples-stock', 'announced', 'janitor', 'layouts', 'outcomes-at-scale', 'own-faults'],
  ...['provenance', 'readmit', 'split-queues', 'told', 'everyday-operations'],
  ...['outcomes-told', 'subscriber', 'subscriber-gaps', 'cli-dead-letters', 'http-outcomes', 'webhooks'],
  ...['http-owners', 'http-reads', 'dashboard-unknown'],
  ...['cancel', 'cancel-receipts', 'stale-attempts', 'reservations', 'reservations-check', 'schedules'],
];

function against(redis: string, include: readonly string[], groupOrder: number): TestProjectInlineConfiguration {
  return {
    test: {
      ...onOneServer.test,
      name: redis,
      env: { TEST_REDIS: redis },
      include: [...include],
      exclude: process.env['TEST_CALL_BY_SLOT'] === '1' ? ['test/cluster/{*by-master*,atomic-move}.test.ts'] : [],
      sequence: { ...onOneServer.test?.sequence, groupOrder }, // one kind of Redis after the other
      maxWorkers: 5, // tests mostly wait here: a worker takes 2.5 s to close, see `src/workers/receipt-expirer.ts`
    },
  };
}

/** Each over 50 seconds. */
const LONGEST = [
  ...['cluster/failover', 'cluster/secure', 'cluster/migration', 'cluster/load', 'cluster/secure-faults'],
  ...['cluster/dashboard-unreachable', 'cluster/secure-sockets', 'cluster/by-master-moves'],
  ...['integration/http-outcomes', 'cluster/outcomes-told-moves', 'cluster/sentinel-losses'],
];

/** `npm run test:cluster`: tests again that `npm test` runs on one server, and those that break topologies. */
export default defineConfig({
  test: {
    sequence: { shuffle: { tests: true }, sequencer: longestFirst(LONGEST) },
    projects: [
      against('cluster', [...inIntegration(LAID_OUT), 'test/cluster/**/*.test.ts'], 0),
      against('sentinel', inIntegration(CORE.slice(0, 3)), 1),
    ],
  },
});
