import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigurationError } from '../src/errors.js';
import { METRICS_PATH, metricsListener } from '../src/metrics/answer-metrics.js';
import { createMetrics } from '../src/metrics/metrics.js';
import type { Metrics } from '../src/metrics/metrics.js';
import { ApiServer } from '../src/web/http-server.js';
import type { RedisTarget } from '../src/redis/target.js';
import type { Context } from './context.js';

/**
 * Serves on the configured address.
 *
 * @throws ConfigurationError when that is not possible
 */
export function listen(listener: RequestListener, { config }: Context): Promise<ApiServer> {
  return listenAt(config.HOST, config.PORT, listener, 'PORT');
}

/** Where the API lies for its callers. */
export function servedAs({ config }: Context) {
  const {
    TALLY_BASE_PATH: basePath = '',
    TALLY_DASHBOARD_PROXY_ADDRESSES: proxies,
    TALLY_LOG_REQUESTS: logRequests,
  } = config;
  return { basePath, proxies, logRequests };
}

/** A scrape that is cut off is made again: none is worth a longer stop. */
const CLOSE_METRICS_MS = 100;

/** Metrics of this process, and of its queues and Redis. */
export function metricsWithRedis({ config, logger, operations }: Context, redis: RedisTarget): Metrics {
  const { TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix } = config;
  return createMetrics({ redis, namespace, prefix, operations, logger });
}

/**
 * Serves metrics on a port of their own when TALLY_METRICS_PORT is set: to whoever can reach it, since they tell nothing
 * of keys and values.
 *
 * @returns what stops it
 * @throws ConfigurationError when that is not possible
 */
export async function listenForMetrics(metrics: Metrics, { config, logger }: Context): Promise<() => Promise<void>> {
  const { TALLY_METRICS_HOST: host, TALLY_METRICS_PORT: port } = config;
  if (port === undefined) {
    return () => Promise.resolve();
  }
  const server = await listenAt(host, port, metricsListener(metrics), 'TALLY_METRICS_PORT');
  logger.info(`metrics    ${originOf(server)}${METRICS_PATH}`);
  return () => server.closeInOrder(CLOSE_METRICS_MS);
}

async function listenAt(host: string, port: number, listener: RequestListener, variable: string): Promise<ApiServer> {
  const server = new ApiServer(listener).listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const hint = inUse
      ? `it is in use; set ${variable} to another, for example ${variable}=${port + 1}`
      : (error as Error).message;
    throw new ConfigurationError(`can't listen on ${host}:${port}: ${hint}`, { cause: error });
  }
  return server;
}

/** Where a listening server is reached, as a URL. */
export function originOf(server: ApiServer): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
