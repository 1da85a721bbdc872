import { defineConfig } from 'vitest/config';
import onOneServer, { LONG } from './vitest.config.js';

/** `npm run test:long`: faults and loads that last, processes that are killed, failovers, pages in a browser, the benchmark. */
export default defineConfig({ test: { ...onOneServer.test, include: LONG, exclude: [], testTimeout: 300_000 } });
