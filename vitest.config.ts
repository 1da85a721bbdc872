import { defineConfig } from 'vitest/config';
import { longestFirst } from './test/support/longest-first.js';

/** What takes long and breaks seldom: `npm run test:long`. */
export const LONG = [
  'test/browser/**/*.test.ts',
  'test/faults/faults.test.ts',
  'test/faults/*worker-dies.test.ts',
  'test/processes/**/*.test.ts',
  'test/load/self.test.ts',
  'test/load/scenarios.test.ts',
  'test/load/report.test.ts',
  'test/load/command.test.ts',
  'test/deploy/image*.test.ts',
  'test/integration/bench.test.ts',
  'test/integration/cli-webhooks.test.ts',
  'test/integration/cli.test.ts',
  'test/integration/cli-dead-letters.test.ts',
  'test/integration/cli-reading.test.ts',
  'test/integration/close.test.ts',
  'test/integration/dashboard-overview.test.ts',
  'test/integration/dashboard-users.test.ts',
  'test/integration/doctor-others.test.ts',
  'test/integration/document-commands.test.ts',
  'test/integration/document-snippets.test.ts',
  'test/integration/documents.test.ts',
  'test/integration/examples.test.ts',
  'test/integration/expiries.test.ts',
  'test/integration/failover.test.ts',
  'test/integration/forms.test.ts',
  'test/integration/http-commands.test.ts',
  'test/integration/http-outcomes.test.ts',
  'test/integration/import.test.ts',
  'test/integration/installation.test.ts',
  'test/integration/keep-outcomes.test.ts',
  'test/integration/own-operations.test.ts',
  'test/integration/readmit.test.ts',
  'test/integration/relay*.test.ts',
  'test/integration/secrets.test.ts',
  'test/integration/webhook-piles.test.ts',
  'test/integration/webhooks.test.ts',
  'test/security/everyday-*.test.ts',
  'test/security/sessions.test.ts',
  'test/unit/ladder.test.ts',
];

/** Of the others, those that take 20 s and more. */
const LONGEST = [
  ...['integration/bad-params', 'integration/reservations', 'integration/ages', 'integration/dashboard-failures'],
  ...['integration/http-keys', 'model/keys', 'integration/redis-refuses', 'lua/model'],
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
