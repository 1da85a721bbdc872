import { parse } from 'node:querystring';
import express from 'express';
import type { Express, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import { answerMetrics, METRICS_PATH } from '../metrics/answer-metrics.js';
import type { Metrics } from '../metrics/metrics.js';
import { cellsEndpoints } from './cells.js';
import type { CellsDeps } from './cells.js';
import { leaderboardsEndpoints } from './leaderboards.js';
import { manyCellsEndpoints } from './many-cells.js';
import type { ReadingDeps } from './many-cells.js';
import { accessOf } from './access/access.js';
import { KEY_PROBLEMS } from './access/require-key.js';
import { docsPage, DOCS_PATH } from './docs-page.js';
import { routerOf } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { answerHandshake } from './event-replies.js';
import { eventsEndpoints } from './events.js';
import { reservationsEndpoints } from './reservations.js';
import { healthEndpoints } from '../web/health.js';
import type { HealthDeps } from '../web/health.js';
import { queuesEndpoints } from './queues.js';
import type { QueuesDeps } from './queues.js';
import { openApiEndpoint } from './openapi.js';
import { failuresEndpoints } from './failures.js';
import type { FailuresDeps } from './failures.js';
import { operationsEndpoints } from './operations.js';
import { asyncApiEndpoint } from './asyncapi.js';
import { RECONNECT_LATER } from './event-stream.js';
import { outcomesEndpoint } from './outcomes.js';
import type { OutcomesDeps } from './outcomes.js';
import { OUTCOMES_PATH, acceptToken, outcomesTokensEndpoint } from './outcomes-tokens.js';
import { webhooksEndpoints } from './webhooks.js';
import type { WebhooksDeps } from './webhooks.js';
import { enterBasePath } from '../web/base-path.js';
import type { BasePathOptions } from '../web/base-path.js';
import { closeWithSocket } from '../web/close-with-socket.js';
import { countRequests } from '../web/count-requests.js';
import { isCrossSite } from '../web/cross-site.js';
import { errorHandler } from '../web/error-handler.js';
import { Problem } from '../web/problems.js';
import { logRequests } from '../web/request-log.js';
import type { Drain } from '../web/drain.js';
import { heldUpdates } from './submit.js';
import { sumsEndpoints } from './sums.js';
import { schedulesEndpoints } from './schedules.js';
import { SUBMIT_PROBLEMS, updatesEndpoints } from './updates.js';
import type { UpdatesDeps } from './find-visible.js';

export interface AppDeps
  extends
    UpdatesDeps,
    CellsDeps,
    ReadingDeps,
    FailuresDeps,
    QueuesDeps,
    OutcomesDeps,
    WebhooksDeps,
    HealthDeps,
    BasePathOptions {
  /** Runs before `/metrics` and the endpoints under `/v1`: to answer 401 or 403, throw or call `next` with an error. */
  readonly authorize: RequestHandler;
  /** The share of ordinary request lines that is logged. */
  readonly logRequests: number;
  /** Served to those who may use the API. */
  readonly metrics: Metrics | undefined;
}

/**
 * The page of documentation loads nothing from elsewhere; 'unsafe-inline', since Swagger UI sets styles by script.
 * Answers of the API are data, not pages. Left out is what only browsers of ten years ago look at, and what is for
 * TLS: whoever ends that says it.
 */
const SAFETY_HEADERS = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      objectSrc: ["'none'"],
      baseUri: ["'self'"],
      frameAncestors: ["'none'"],
    },
  },
  strictTransportSecurity: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
};

/** The Express app of the API. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('etag'); // answers are small and change all the time
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', parseQuery);
  app.set('trust proxy', deps.proxies === undefined ? false : [...deps.proxies]);
  app.use(closeWithSocket, enterBasePath(deps));
  const endpoints = endpointsOf(deps);
  if (deps.metrics !== undefined) {
    app.use(countRequests(deps.metrics.http, [...endpoints.map(({ path }) => path), METRICS_PATH, DOCS_PATH]));
  }
  app.use(logRequests(deps.logger, deps.logRequests));
  app.use(helmet(SAFETY_HEADERS));
  app.use(refuseOtherSites);
  app.use('/v1', forbidCaching);
  app.get(OUTCOMES_PATH, sendAwayWhenStopping(deps.drain));
  app.options('/v1/events', answerHandshake);
  app.use('/v1', refuseWhenStopping(deps.drain));
  app.use('/v1', acceptToken(deps, deps.mayStay, deps.authorize), refuseMetricsOnly);
  app.use(routerOf(endpoints));
  app.use(docsPage());
  if (deps.metrics !== undefined) {
    app.get(METRICS_PATH, deps.authorize, answerMetrics(deps.metrics));
  }
  app.use(({ method, path }) => {
    throw new Problem('NOT_FOUND', `there is no ${method} ${path}; /openapi.json lists what there is`);
  });
  app.use(errorHandler(deps.metrics && countRefusals(deps.metrics)));
  return app;
}

/** Where updates are submitted. */
const SUBMIT_PATHS: ReadonlySet<string> = new Set(['/v1/updates', '/v1/events']);

/** Counts what is answered with a problem. */
function countRefusals({ http, turnedAway }: Metrics): (problem: Problem, response: Response) => void {
  http.expect([...new Set([...SUBMIT_PROBLEMS, ...KEY_PROBLEMS, 'INVALID_EVENT', 'UNEXPECTED'])]);
  return ({ code }, response) => {
    turnedAway.count(code);
    const { method, path } = response.req;
    if (method === 'POST' && SUBMIT_PATHS.has(path)) {
      http.refused(code, heldUpdates(response));
    }
  };
}

function endpointsOf(deps: AppDeps): Endpoint[] {
  const endpoints = [
    ...updatesEndpoints(deps),
    ...schedulesEndpoints(deps),
    ...failuresEndpoints(deps),
    ...eventsEndpoints(deps),
    ...cellsEndpoints(deps),
    ...manyCellsEndpoints(deps),
    ...sumsEndpoints(deps),
    ...leaderboardsEndpoints(deps),
    ...reservationsEndpoints(deps),
    outcomesEndpoint(deps),
    outcomesTokensEndpoint(deps),
    ...webhooksEndpoints(deps),
    ...queuesEndpoints(deps, deps.registry.queues),
    ...operationsEndpoints(deps.registry),
    ...healthEndpoints(deps),
  ];
  const described = [...endpoints, asyncApiEndpoint(deps)];
  return [...described, openApiEndpoint(described, deps.registry)];
}

/** Without a text that is not UTF-8, which would be read as another key. */
function parseQuery(text: string | undefined): unknown {
  try {
    decodeURIComponent((text ?? '').replaceAll('+', ' '));
  } catch {
    throw new Problem('INVALID_QUERY', 'the query is not percent-encoded UTF-8: write % itself as %25');
  }
  return parse(text ?? '', '&', '=', { maxKeys: 0 }); // all of them: the headers' limit is theirs
}

const refuseOtherSites: RequestHandler = (request, _response, next) => {
  if (isCrossSite(request)) {
    throw new Problem('OTHER_SITE', 'pages of other sites may not change anything here; call the API from a server');
  }
  next();
};

const refuseMetricsOnly: RequestHandler = (_request, response, next) => {
  if (accessOf(response)?.metricsOnly === true) {
    throw new Problem('FORBIDDEN', 'this API key may only read /metrics', { accepted: 'none' });
  }
  next();
};

/** A value or an outcome that a proxy kept would be an old one; some keep a 404 for minutes. */
const forbidCaching: RequestHandler = (_request, response, next) => {
  response.setHeader('Cache-Control', 'no-store');
  next();
};

/** A browser that follows outcomes would give up on any status but 200. */
function sendAwayWhenStopping(drain: Drain): RequestHandler {
  return (_request, response, next) => {
    if (drain.begun) {
      response.set('Connection', 'close').type('text/event-stream').send(RECONNECT_LATER);
    } else {
      next();
    }
  };
}

function refuseWhenStopping(drain: Drain): RequestHandler {
  return (_request, response, next) => {
    if (drain.begun) {
      response.set('Connection', 'close');
      throw new Problem('STOPPING', 'this server is stopping and accepts nothing more: send it again', {
        accepted: 'none',
      });
    }
    next();
  };
}
