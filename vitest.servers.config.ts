import { defineConfig } from 'vitest/config';
import { otherServers } from './test/support/other-servers.js';
import onOneServer from './vitest.config.js';

/** What could differ between servers: all that the script does, and what Tally reads of a server, its rights and its faults. */
const CORE = [
  'test/lua/**/*.test.ts',
  ...[
    ...['exactly-once', 'edges', 'late-requests', 'own-faults', 'janitor'],
    ...['redis-away', 'http-reads', 'integers', 'rights', 'metrics-redis'],
  ].map((name) => `test/integration/${name}.test.ts`),
];

const others = otherServers().map(({ name }) => name);

/** `npm run test:servers`: the core against a newer Redis and a Valkey; against the server that is installed, where neither is here. */
export default defineConfig({
  test: {
    projects: (others.length > 0 ? others : ['server']).map((name, groupOrder) => ({
      test: {
        ...onOneServer.test,
        name,
        env: { TEST_REDIS: name },
        include: CORE,
        exclude: [],
        sequence: { ...onOneServer.test?.sequence, groupOrder }, // one server after the other
      },
    })),
  },
});
