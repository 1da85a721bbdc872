import { defineConfig } from 'vitest/config';
import { longestFirst } from './test/support/longest-first.js';

/** What takes long and breaks seldom: `npm run test:long`. */
export const LONG = [
  'test/browser/**/*.test.ts',
  'test/faults/faults.test.ts',
  'test/faults/*worker-dies.test.ts',
  'test/processes/**/*.test.ts',
  'test/model/{jobs,keys}.test.ts',
  'test/load/self.test.ts',
  'test/load/scenarios.test.ts',
  'test/load/report.test.ts',
  'test/load/command.test.ts',
  'test/load/loops.test.ts',
  'test/deploy/image*.test.ts',
  'test/integration/ages.test.ts',
  'test/integration/bad-params.test.ts',
  'test/integration/bench.test.ts',
  'test/integration/cli-webhooks.test.ts',
  'test/integration/cli.test.ts',
  'test/integration/cli-dead-letters.test.ts',
  'test/integration/cli-reading.test.ts',
  'test/integration/close.test.ts',
  'test/integration/dashboard-failures.test.ts',
  'test/integration/dashboard-overview.test.ts',
  'test/integration/dashboard-users.test.ts',
  'test/integration/doctor-others.test.ts',
  'test/integration/document-commands.test.ts',
  'test/integration/document-snippets.test.ts',
  'test/integration/documents.test.ts',
  'test/integration/examples.test.ts',
  'test/integration/expiries.test.ts',
  'test/integration/failover.test.ts',
  'test/integration/failures.test.ts',
  'test/integration/forms.test.ts',
  'test/integration/http-commands.test.ts',
  'test/integration/http-keys.test.ts',
  'test/integration/http-outcomes.test.ts',
  'test/integration/http-owners.test.ts',
  'test/integration/import.test.ts',
  'test/integration/installation.test.ts',
  'test/integration/keep-outcomes.test.ts',
  'test/integration/outcomes-at-scale.test.ts',
  'test/integration/own-operations.test.ts',
  'test/integration/readmit.test.ts',
  'test/integration/redis-refuses.test.ts',
  'test/integration/relay*.test.ts',
  'test/integration/reservations.test.ts',
  'test/integration/secrets.test.ts',
  'test/integration/webhook-piles.test.ts',
  'test/integration/webhooks.test.ts',
  'test/security/attempts.test.ts',
  'test/security/everyday-*.test.ts',
  'test/security/outcome-floods.test.ts',
  'test/security/sessions.test.ts',
  'test/unit/ladder.test.ts',
];

/** Of the others, those that take 15 s and more. */
const LONGEST = [
  ...['lua/model', 'unit/buckets', 'integration/confirmation', 'integration/metrics-served', 'cluster/short'],
  ...['integration/subscriber', 'integration/cancel', 'integration/told', 'integration/http-outages'],
];

/** `npm test`: all that guards a change, against one Redis server. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/consumers/**', ...LONG, 'test/cluster/!(short).test.ts'],
    env: { TEST_REDIS: process.env['TEST_REDIS'] ?? 'server' },
    globalSetup: ['test/support/build.ts', 'test/support/shared-redis.ts'],
    setupFiles: ['test/support/close-all.ts'],
    isolate: false, // files share what they import, which would take half of the time
    maxWorkers: 3, // on two cores: many tests wait
    testTimeout: 120_000, // much more than any takes, as the machine may be busy
    hookTimeout: 120_000,
    sequence: { shuffle: { tests: true }, sequencer: longestFirst(LONGEST) },
  },
});
