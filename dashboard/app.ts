import express from 'express';
import type { Express } from 'express';
import { pino } from 'pino';
import { z } from 'zod';
import { openQueue } from '../src/jobs/queues.js';
import { createRegistry } from '../src/operations/registry.js';
import { checkOptions, commonShape } from '../src/options.js';
import type { CommonOptions } from '../src/options.js';
import { connectPromptly } from '../src/redis/connection.js';
import { withinTime } from '../src/within-time.js';
import { BOARD_PATH, createBoard } from './board.js';
import { answerErrors } from './errors.js';
import { refuseOtherSites } from './other-sites.js';
import { securityHeaders } from './security-headers.js';

/** Give it the user's own operations too: their queues are shown, and their outcomes in words. */
export type DashboardOptions = CommonOptions;

export interface Dashboard {
  /** Serves the dashboard; hand it to `http.createServer`. */
  readonly app: Express;
  /** Closes the connections to Redis. Close the HTTP server first. */
  close(): Promise<void>;
}

/**
 * Someone waits in front of a browser: an error beats a page that hangs while Redis is away. Removing the
 * 100,000 failed jobs that a queue may keep is the longest single command, a few seconds.
 */
const ANSWER_TIMEOUT_MS = 20_000;

const CLOSE_TIMEOUT_MS = 1_000;

const optionsSchema = z.strictObject(commonShape);

/**
 * The dashboard: Bull Board over all queues, at `/ops/queues`.
 *
 * @throws ConfigurationError for options that don't fit
 */
export function createDashboard(options: DashboardOptions): Dashboard {
  const checked = checkOptions('createDashboard', optionsSchema, options);
  const logger = checked.logger ?? pino({ name: 'tally' });
  const registry = createRegistry(checked.operations);
  const redis = connectPromptly(checked.redis, 'tally-dashboard', ANSWER_TIMEOUT_MS, logger);
  const queues = registry.queues.map((name) => openQueue(name, checked.prefix, redis, logger));

  const app = express();
  app.disable('x-powered-by');
  app.use(securityHeaders);
  app.use(refuseOtherSites);
  app.get(['/', '/ops'], (_request, response) => {
    response.redirect(BOARD_PATH);
  });
  app.use(BOARD_PATH, createBoard(queues, registry));
  app.use(answerErrors(logger));

  return {
    app,
    close: async () => {
      await withinTime(Promise.allSettled(queues.map((queue) => queue.close())), CLOSE_TIMEOUT_MS);
      redis.disconnectAll();
    },
  };
}
