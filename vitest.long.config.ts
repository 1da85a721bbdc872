import { defineConfig } from 'vitest/config';
import { longestFirst } from './test/support/longest-first.js';
import onOneServer, { LONG } from './vitest.config.js';

/** Each over 50 seconds. */
const LONGEST = [
  ...['test/faults/faults', 'test/deploy/image', 'test/browser/pages', 'test/integration/installation'],
  ...['test/integration/relay', 'test/integration/bench', 'test/integration/failover', 'test/processes/others'],
  ...['test/processes/up', 'test/integration/cli-reading', 'test/integration/bad-params', 'test/load/scenarios'],
  ...['test/processes/slow-followers', 'test/processes/shop/shop', 'test/processes/webhooks', 'test/load/self'],
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
