import express, { Router } from 'express';
import type { Express } from 'express';
import { z } from 'zod';
import { openStore } from '../src/layout/store.js';
import type { Store } from '../src/layout/store.js';
import { createRegistry } from '../src/operations/registry.js';
import type { Registry } from '../src/operations/registry.js';
import { commonShape, durabilityShape, idempotencyWindow } from '../src/options.js';
import { checkOptions } from '../src/lib/check-options.js';
import type { CommonOptions, DurabilityOptions } from '../src/options.js';
import { answerMetrics, METRICS_PATH } from '../src/metrics/answer-metrics.js';
import { createMetrics, metricsShape } from '../src/metrics/metrics.js';
import type { MetricsOption } from '../src/metrics/metrics.js';
import { basePathSchema, enterBasePath } from '../src/web/base-path.js';
import { closeWithSocket } from '../src/web/close-with-socket.js';
import { countRequests } from '../src/web/count-requests.js';
import { routerOf } from '../src/web/endpoint.js';
import { healthEndpoints } from '../src/web/health.js';
import { errorHandler } from '../src/web/error-handler.js';
import { Drain } from '../src/web/drain.js';
import { withinTime } from '../src/lib/timeouts.js';
import { createAccessControl } from './access/access-control.js';
import { proxySchema, trustOf } from './access/proxy.js';
import type { ProxyOptions } from './access/proxy.js';
import { AuditLog } from './audit/audit-log.js';
import { CHANGED_JOBS_PATH, ChangedJobs } from './audit/changed-jobs.js';
import { AUDIT_PATH, auditPage } from './audit/audit-page.js';
import { recordActions } from './audit/record-actions.js';
import { BOARD_SCRIPT_PATH, sendBoardScript } from './board/board-script.js';
import { changeBoardPage } from './board/board-page.js';
import { BOARD_PATH } from './board/board-name.js';
import { boardOfRole } from './board/board-of-role.js';
import { Deliveries } from './board/deliveries.js';
import { COUNTED_PATHS } from './counted-paths.js';
import { documentsPages } from './documents/documents-pages.js';
import { answerErrors, answerNotFound } from './errors.js';
import { ICON_PATH, sendIcon, STYLESHEET_PATH, sendStylesheet } from './page.js';
import { failuresPages } from './failures/failures-pages.js';
import { PAGE_SCRIPT_PATH, sendPageScript } from './page-script.js';
import { keysPages } from './cells/cells-pages.js';
import { revertAction } from './cells/revert.js';
import { Reverter } from './cells/reverter.js';
import { requireAnswer } from './redis-silence.js';
import { securityHeaders } from './access/security-headers.js';
import { SCHEDULES_PATH, schedulesPage } from './schedules/schedules-page.js';
import { OVERVIEW_PATH } from './overview/links.js';
import { overviewPages } from './overview/overview-pages.js';
import { underAnyPath } from './under-any-path.js';
import { removePages } from './board/remove-pages.js';
import { ShownQueues } from './board/shown-queues.js';
import { WEBHOOKS_PATH, webhooksPage } from './webhooks/webhooks-page.js';

/** Give it the user's own operations too: their queues are shown, and their outcomes in words. */
export interface DashboardOptions extends CommonOptions, MetricsOption, DurabilityOptions {
  /** How long idempotency keys are remembered, as producers have it: reverts are submitted here. @defaultValue 24 h */
  idempotencyWindowMs?: number;
  /** A proxy in front of the dashboard, whose word is taken. @defaultValue none: such headers mean nothing */
  proxy?: ProxyOptions | undefined;
  /** The path of the site below which browsers find the dashboard, such as `/tools/tally`. @defaultValue the root */
  basePath?: string;
  /** Whether people must sign in also while there are no users: a function is asked at each request. @defaultValue false */
  requireSignIn?: boolean | (() => boolean);
}

export interface Dashboard {
  /**
   * Serves the dashboard: hand it to `http.createServer`, or mount it under a path of an Express app of yours,
   * `app.use('/tools/tally', dashboard.app)`; then it stands at `/tools/tally/ops`.
   */
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

const optionsSchema = z.strictObject({
  ...commonShape,
  ...metricsShape,
  ...durabilityShape,
  idempotencyWindowMs: idempotencyWindow().optional(),
  proxy: proxySchema.optional(),
  basePath: basePathSchema.default(''),
  requireSignIn: z.union([z.boolean(), z.custom<() => boolean>((value) => typeof value === 'function')]).default(false),
});

/**
 * The dashboard: Bull Board over all queues, at `/ops/queues`, and what was done there, at `/ops/audit`.
 *
 * @throws ConfigurationError for options that don't fit
 */
export function createDashboard(options: DashboardOptions): Dashboard {
  const { proxy, requireSignIn, basePath, idempotencyWindowMs, ...checked } = checkOptions(
    'createDashboard',
    optionsSchema,
    options,
  );
  const registry = createRegistry(checked.operations);
  const storeOptions = { timeoutMs: ANSWER_TIMEOUT_MS, masterPatienceMs: PATIENCE_MS };
  const store = openStore({ ...checked, connectionName: 'tally-dashboard', ...storeOptions });
  const { redis, masters, logger } = store;
  const queues = new ShownQueues(store, registry.queues);
  const deliveries = new Deliveries(store);
  const { redis: target, namespace, prefix, partitions, operations } = checked;
  const metrics = checked.metrics ?? createMetrics({ redis: target, namespace, prefix, operations, logger });
  redis.onRefusal = (code) => {
    metrics.refusals.count(code);
  };
  const window = idempotencyWindowMs !== undefined && { idempotencyWindowMs };
  const reverter = new Reverter({ ...checked, logger, metrics, ...window });
  const audit = new AuditLog(store);
  const isClosed = typeof requireSignIn === 'function' ? requireSignIn : () => requireSignIn;
  const access = createAccessControl({ ...store, proxy, isClosed });

  const app = express();
  app.disable('x-powered-by');
  app.enable('case sensitive routing');
  app.set('trust proxy', proxy === undefined ? false : trustOf(proxy));
  app.use(enterBasePath({ basePath, proxies: proxy?.addresses }));
  app.use(closeWithSocket, countRequests(metrics.http, COUNTED_PATHS), underAnyPath);
  app.use(securityHeaders);
  app.use(recordActions(audit));
  app.use(routerOf(healthEndpoints({ redis, masters, prefix, drain: new Drain(), logger })), errorHandler());
  app.get(STYLESHEET_PATH, sendStylesheet);
  app.get(ICON_PATH, sendIcon);
  app.get(PAGE_SCRIPT_PATH, sendPageScript);
  app.use(documentsPages(), requireAnswer(redis), access.handlers);
  // From here on, whoever asks has signed in, and may do what is asked.
  app.get('/', (_request, response) => {
    response.redirect(OVERVIEW_PATH);
  });
  app.use(overviewPages({ ...store, registry, target, namespace, prefix, partitions, operations, metrics, audit }));
  app.get(BOARD_SCRIPT_PATH, sendBoardScript);
  app.get(AUDIT_PATH, auditPage(audit));
  app.use(pagesOfChanges({ ...store, registry, queues }));
  app.get(SCHEDULES_PATH, schedulesPage({ ...store, registry }));
  app.get(WEBHOOKS_PATH, webhooksPage(store));
  app.use(keysPages({ ...store, registry, queues }));
  app.use(revertAction(reverter.revert));
  app.get(METRICS_PATH, answerMetrics(metrics));
  app.use(BOARD_PATH, changeBoardPage, boardOfRole({ ...store, queues, deliveries, registry }));
  app.use(answerNotFound, answerErrors(logger));

  return {
    app,
    close: async () => {
      access.close();
      const closed = [audit.written(), queues.close(), deliveries.close(), reverter.close()];
      await withinTime(Promise.allSettled(closed), CLOSE_TIMEOUT_MS);
      store.close();
      await (metrics === checked.metrics ? undefined : metrics.close());
    },
  };
}

/** The pages that retry and remove many jobs, and what tells which these were. */
function pagesOfChanges(deps: Store & { readonly registry: Registry; readonly queues: ShownQueues }): Router {
  const changedJobs = new ChangedJobs(deps);
  const router = Router({ caseSensitive: true });
  router.get(`${CHANGED_JOBS_PATH}/:id`, changedJobs.send);
  router.use(failuresPages({ ...deps, changedJobs }), removePages({ ...deps, changedJobs }));
  return router;
}
