import { defineConfig } from 'vitest/config';
import { longestFirst } from './test/support/longest-first.js';
import onOneServer, { LONG } from './vitest.config.js';

/** Each over a minute. */
const LONGEST = [
  ...['test/faults/faults', 'test/deploy/image', 'test/integration/close', 'test/load/self', 'test/browser/pages'],
  ...['test/integration/installation', 'test/load/command', 'test/integration/dashboard-users'],
  ...['test/integration/failover', 'test/integration/cli', 'test/integration/import', 'test/processes/relay'],
  ...['test/security/sessions', 'test/integration/relay-settings', 'test/integration/bench'],
];

/** `npm run test:long`: faults and loads that last, processes that are killed, failovers, pages in a browser, the benchmark. */
export default defineConfig({
  test: {
    ...onOneServer.test,
    include: LONG,
    exclude: [],
    testTimeout: 300_000,
    sequence: { shuffle: { tests: true }, sequencer: longestFirst(LONGEST) },
  },
});
