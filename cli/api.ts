import { createApi } from '../src/api/api.js';
import { apiOptions, connectionOptions, createContext, producerOptions, findRedis } from './context.js';
import { requireKeysOrLoopback } from './host.js';
import { announce } from './announce.js';
import { watchInstallation } from './installation.js';
import { servedAs, listen, listenForMetrics, metricsWithRedis, originOf } from './listen.js';
import { onStop, stopAll } from './on-stop.js';
import type { Stop } from './on-stop.js';

/** `tally api`: serves the HTTP API alone until it is told to stop. */
export async function serveApi(): Promise<void> {
  const context = createContext();
  const { config, logger } = context;
  const redis = findRedis(context);
  await requireKeysOrLoopback(context, redis);
  const metrics = metricsWithRedis(context, redis);
  const stops: Stop[] = [() => metrics.close()];
  const watch = { store: metrics.requireStore(), doors: ['apiKeys' as const], metrics };
  const installation = await watchInstallation(context, redis, watch, stops);
  announce(metrics, 'api', stops);
  const requireKey = () => installation.isClosed('apiKeys');
  const options = { ...connectionOptions(context, redis), ...producerOptions(context), ...apiOptions(context) };
  const api = createApi({ ...options, metrics, requireKey, ...servedAs(context) });
  stops.push(() => api.close());
  try {
    stops.push(await listenForMetrics(metrics, context));
    const server = await listen(api.app, context);
    stops.push(() => {
      api.drain();
      return server.closeInOrder(config.TALLY_CLOSE_TIMEOUT_MS);
    });
    onStop(context, () => stopAll(stops));
    logger.info(`API        ${originOf(server)}/v1, documented at ${originOf(server)}/docs/`);
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
}
