import express from 'express';
import type { Express } from 'express';
import { z } from 'zod';
import { openStore } from '../src/layout/store.js';
import { createRegistry } from '../src/operations/registry.js';
import { commonShape } from '../src/options.js';
import { checkOptions } from '../src/lib/check-options.js';
import type { CommonOptions } from '../src/options.js';
import { answerMetrics, METRICS_PATH } from '../src/metrics/answer-metrics.js';
import { createMetrics, metricsShape } from '../src/metrics/metrics.js';
import type { MetricsOption } from '../src/metrics/metrics.js';
import { routerOf } from '../src/web/endpoint.js';
import { healthEndpoints } from '../src/web/health.js';
import { errorHandler } from '../src/web/error-handler.js';
import { Drain } from '../src/web/drain.js';
import { withinTime } from '../src/lib/timeouts.js';
import { createAccessControl } from './access/access-control.js';
import { proxySchema, trustOf } from './access/proxy.js';
import type { ProxyOptions } from './access/proxy.js';
import { AuditLog } from './audit/audit-log.js';
import { AUDIT_PATH, auditPage } from './audit/audit-page.js';
import { recordActions } from './audit/record-actions.js';
import { changeBoardPage } from './board/board-page.js';
import { BOARD_PATH } from './board/board-name.js';
import { boardOfRole } from './board/board-of-role.js';
import { Deliveries } from './board/deliveries.js';
import { answerErrors } from './errors.js';
import { ICON_PATH, sendIcon, STYLESHEET_PATH, sendStylesheet } from './page.js';
import { keysPages } from './cells/cells-pages.js';
import { securityHeaders } from './access/security-headers.js';
import { SCHEDULES_PATH, schedulesPage } from './schedules/schedules-page.js';
import { ShownQueues } from './board/shown-queues.js';

/** Give it the user's own operations too: their queues are shown, and their outcomes in words. */
export interface DashboardOptions extends CommonOptions, MetricsOption {
  /** A proxy in front of the dashboard, whose word is taken. @defaultValue none: such headers mean nothing */
  proxy?: ProxyOptions | undefined;
}

export interface Dashboard {
  /** Serves the dashboard; hand it to `http.createServer`. */
  readonly app: Express;
  /** Closes the connections to Redis. Close the HTTP server first. */
  close(): Promise<void>;
}

/**
 * Someone waits in front of a browser: an error beats a page that hangs while Redis is unreachable. Removing the
 * 100,000 failed jobs that a queue may keep is the longest single command, a few seconds.
 */
const ANSWER_TIMEOUT_MS = 20_000;

/** A master that takes longer counts as unreachable. It is asked before all else, and whoever asks waits at most twice. */
const PATIENCE_MS = 1_200;

const CLOSE_TIMEOUT_MS = 1_000;

const optionsSchema = z.strictObject({ ...commonShape, ...metricsShape, proxy: proxySchema.optional() });

/**
 * The dashboard: Bull Board over all queues, at `/ops/queues`, and what was done there, at `/ops/audit`.
 *
 * @throws ConfigurationError for options that don't fit
 */
export function createDashboard(options: DashboardOptions): Dashboard {
  const { proxy, ...checked } = checkOptions('createDashboard', optionsSchema, options);
  const registry = createRegistry(checked.operations);
  const storeOptions = { timeoutMs: ANSWER_TIMEOUT_MS, masterPatienceMs: PATIENCE_MS };
  const store = openStore({ ...checked, connectionName: 'tally-dashboard', ...storeOptions });
  const { redis, masters, logger } = store;
  const queues = new ShownQueues(store, registry.queues);
  const deliveries = new Deliveries(store);
  const { redis: target, namespace, prefix, operations } = checked;
  const metrics = checked.metrics ?? createMetrics({ redis: target, namespace, prefix, operations, logger });
  redis.onRefusal = (code) => {
    metrics.refusals.count(code);
  };
  const audit = new AuditLog(store);
  const access = createAccessControl({ ...store, proxy });

  const app = express();
  app.disable('x-powered-by');
  app.enable('case sensitive routing');
  app.set('trust proxy', proxy === undefined ? false : trustOf(proxy));
  app.use(securityHeaders);
  app.use(recordActions(audit));
  app.use(routerOf(healthEndpoints({ redis, masters, prefix, drain: new Drain() })), errorHandler());
  app.get(STYLESHEET_PATH, sendStylesheet);
  app.get(ICON_PATH, sendIcon);
  app.use(access.handlers);
  // From here on, whoever asks has signed in, and may do what is asked.
  app.get(['/', '/ops'], (_request, response) => {
    response.redirect(BOARD_PATH);
  });
  app.get(AUDIT_PATH, auditPage(audit));
  app.get(SCHEDULES_PATH, schedulesPage({ ...store, registry }));
  app.use(keysPages({ ...store, registry, queues }));
  app.get(METRICS_PATH, answerMetrics(metrics));
  app.use(BOARD_PATH, changeBoardPage, boardOfRole({ ...store, queues, deliveries, registry }));
  app.use(answerErrors(logger));

  return {
    app,
    close: async () => {
      access.close();
      const closed = [audit.written(), queues.close(), deliveries.close()];
      await withinTime(Promise.allSettled(closed), CLOSE_TIMEOUT_MS);
      store.close();
      await (metrics === checked.metrics ? undefined : metrics.close());
    },
  };
}
