import { defineConfig } from 'vitest/config';
import type { TestProjectInlineConfiguration } from 'vitest/config';
import onOneServer from './vitest.config.js';

/** Single tests that need one server leave themselves out, see `test/support/skip-unless-one-server.ts`. */
const SERVERS_OF_THEIR_OWN = [
  'test/integration/bench.test.ts', // compares with queues that know no Cluster
  'test/integration/cli.test.ts', // `tally up` with its private server; doctor and secure in test/cluster run commands
];

/** The core, against what differs from a Redis server only in how it is reached. */
const CORE = ['exactly-once', 'concurrency', 'edges', 'backpressure', 'redis-away', 'http-updates', 'examples'].map(
  (name) => `test/integration/${name}.test.ts`,
);

function against(redis: string, include: readonly string[], groupOrder: number): TestProjectInlineConfiguration {
  return {
    test: {
      ...onOneServer.test,
      name: redis,
      env: { TEST_REDIS: redis },
      include: [...include],
      exclude: SERVERS_OF_THEIR_OWN,
      sequence: { ...onOneServer.test?.sequence, groupOrder }, // one kind of Redis after the other
      maxWorkers: 4, // tests mostly wait here: a worker takes 2.5 s to close, see `src/workers/receipt-expirer.ts`
    },
  };
}

/** `npm run test:cluster`: tests again that `npm test` runs on one server, and those that break topologies. */
export default defineConfig({
  test: {
    projects: [
      against('cluster', ['test/integration/**/*.test.ts', 'test/cluster/**/*.test.ts'], 0),
      against('sentinel', CORE, 1),
    ],
  },
});
