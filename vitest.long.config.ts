import { defineConfig } from 'vitest/config';
import { longestFirst } from './test/support/longest-first.js';
import onOneServer, { LONG } from './vitest.config.js';

/** Each over a minute. */
const LONGEST = [
  ...['test/faults/faults', 'test/deploy/image', 'test/browser/pages', 'test/integration/cli', 'test/load/command'],
  ...['test/integration/installation', 'test/processes/relay', 'test/integration/import', 'test/load/self'],
  ...['test/integration/failover', 'test/integration/dashboard-users', 'test/security/sessions'],
  ...['test/integration/bench', 'test/integration/relay-settings', 'test/integration/close'],
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
