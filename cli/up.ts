import express from 'express';
import type { Express } from 'express';
import { createDashboard } from '../dashboard/app.js';
import { createApi } from '../src/api/api.js';
import { enterBasePath } from '../src/web/base-path.js';
import type { ApiServer } from '../src/web/http-server.js';
import { describeTarget } from '../src/redis/target.js';
import type { RedisTarget } from '../src/redis/target.js';
import { claimEmbeddedRedis } from '../src/redis/embedded-record.js';
import { withinTime } from '../src/lib/timeouts.js';
import { announce as announceProcess } from './announce.js';
import { apiOptions, connectionOptions, createContext, producerOptions, findRedis } from './context.js';
import type { Context } from './context.js';
import { dashboardOptions } from './dashboard.js';
import { requireKeysOrLoopback, requireSignInOrLoopback } from './host.js';
import { watchInstallation } from './installation.js';
import { servedAs, listen, listenForMetrics, metricsWithRedis, originOf } from './listen.js';
import { onStop, stopAll } from './on-stop.js';
import type { Stop } from './on-stop.js';
import { startWebhooks } from './webhook-sender.js';
import { startWorker } from './worker.js';

/** A stop that comes while Tally starts waits this long for it, so that no Redis is left behind. */
const START_GRACE_MS = 10_000;

/** `tally up`: all of Tally in one program. */
export async function up(): Promise<void> {
  const context = createContext();
  const stops: Stop[] = [];
  const starting = start(context, stops);
  const stopping = onStop(context, async () => {
    await withinTime(
      starting.catch(() => undefined),
      START_GRACE_MS,
    );
    await stopAll(stops);
  });
  try {
    await starting;
  } catch (error) {
    stopping.uninstall(); // it would end the process with exit code 0
    await stopAll(stops);
    throw error;
  }
}

/** Starts all parts and notes how to stop each. */
async function start(context: Context, stops: Stop[]): Promise<void> {
  const redis = await startRedis(context, stops);
  await requireSignInOrLoopback(context, redis);
  await requireKeysOrLoopback(context, redis);
  const metrics = metricsWithRedis(context, redis);
  stops.push(() => metrics.close());
  stops.push(await listenForMetrics(metrics, context));
  const worker = startWorker(context, redis, metrics);
  stops.push(() => worker.close());
  await worker.ready();
  stops.push(startWebhooks(context, redis));
  const watch = { store: metrics.requireStore(), doors: ['users' as const, 'apiKeys' as const], metrics };
  const installation = await watchInstallation(context, redis, watch, stops);
  announceProcess(metrics, 'up', stops);
  const requireSignIn = () => installation.isClosed('users');
  const requireKey = () => installation.isClosed('apiKeys');
  const dashboard = createDashboard({ ...dashboardOptions(context, redis), metrics, requireSignIn });
  stops.push(() => dashboard.close());
  const options = { ...connectionOptions(context, redis), ...producerOptions(context), ...apiOptions(context) };
  const api = createApi({ ...options, metrics, requireKey, ...servedAs(context) });
  stops.push(() => api.close());
  const server = await listen(onOnePort(dashboard.app, api.app, context), context);
  stops.push(() => {
    api.drain();
    return server.closeInOrder(context.config.TALLY_CLOSE_TIMEOUT_MS);
  });
  announce(context, redis, server);
}

async function startRedis(context: Context, stops: Stop[]): Promise<RedisTarget> {
  const { config, logger } = context;
  if (config.REDIS_URL !== undefined) {
    return findRedis(context);
  }
  const redis = await claimEmbeddedRedis(config.TALLY_DATA_DIR, logger, {
    port: config.TALLY_REDIS_PORT,
    password: config.TALLY_REDIS_PASSWORD,
  });
  let stopping = false;
  stops.push(() => {
    stopping = true;
    return redis.stop();
  });
  void redis.ended.then((reason) => {
    if (!stopping) {
      throw new Error(reason); // nothing catches it, so it stops the program in order, see onStop
    }
  });
  return redis.url;
}

/** The dashboard stands under `/ops`, and the start page leads to it; all else is the API's. */
function onOnePort(dashboard: Express, api: Express, context: Context): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('env', 'production'); // what no part answers, such as /ops/%zz, gets no stack trace
  const { basePath, proxies } = servedAs(context);
  app.use(enterBasePath({ basePath, proxies }));
  app.all(['/', '/ops', '/ops/*path'], dashboard);
  app.use(api);
  return app;
}

function announce({ config, logger }: Context, redis: RedisTarget, server: ApiServer): void {
  const origin = originOf(server);
  const where = config.REDIS_URL === undefined ? ` (private, data in ${config.TALLY_DATA_DIR})` : '';
  logger.info(`Redis      ${describeTarget(redis)}${where}`);
  logger.info(`dashboard  ${origin}/ops`);
  logger.info(`API        ${origin}/v1, documented at ${origin}/docs/`);
  logger.info(`Tally is up. Try: npx tally submit counter.increment --params '{"key":"count","by":5}' --wait`);
}
