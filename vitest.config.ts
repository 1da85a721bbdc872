import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    env: { TEST_REDIS: process.env['TEST_REDIS'] ?? 'server' },
    globalSetup: ['test/support/shared-redis.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    sequence: { shuffle: true },
  },
});
