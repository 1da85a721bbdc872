import { createDashboard } from '../dashboard/app.js';
import type { DashboardOptions } from '../dashboard/app.js';
import type { ProxyOptions } from '../dashboard/access/proxy.js';
import type { Config } from './config.js';
import { ConfigurationError } from '../src/errors.js';
import type { RedisTarget } from '../src/redis/target.js';
import { connectionOptions, createContext, findRedis, producerOptions } from './context.js';
import type { Context } from './context.js';
import { operationsWithHistory } from './histories.js';
import { announce } from './announce.js';
import { requireSignInOrLoopback } from './host.js';
import { watchInstallation } from './installation.js';
import { listen, listenForMetrics, metricsWithRedis, originOf } from './listen.js';
import { onStop, stopAll } from './on-stop.js';
import type { Stop } from './on-stop.js';

/** `tally dashboard`: serves the dashboard alone until it is told to stop. */
export async function serveDashboard(): Promise<void> {
  const context = createContext();
  const redis = findRedis(context);
  const options = dashboardOptions(context, redis);
  await requireSignInOrLoopback(context, redis);
  const stops: Stop[] = [];
  try {
    const metrics = metricsWithRedis(context, redis);
    stops.push(() => metrics.close());
    stops.push(await listenForMetrics(metrics, context));
    const watch = { store: metrics.requireStore(), doors: ['users' as const], metrics };
    const installation = await watchInstallation(context, redis, watch, stops);
    announce(metrics, 'dashboard', stops);
    const requireSignIn = () => installation.isClosed('users');
    const dashboard = createDashboard({ ...options, metrics, requireSignIn });
    stops.push(() => dashboard.close());
    const server = await listen(dashboard.app, context);
    stops.push(() => server.closeInOrder(context.config.TALLY_CLOSE_TIMEOUT_MS));
    context.logger.info(`dashboard  ${originOf(server)}/ops`);
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
  onStop(context, () => stopAll(stops));
}

/**
 * What the dashboard is started with.
 *
 * @throws ConfigurationError when the variables of the proxy don't go together
 */
export function dashboardOptions(context: Context, redis: RedisTarget): DashboardOptions {
  const { config } = context;
  const operations = operationsWithHistory(config, context.operations);
  const basePath = config.TALLY_BASE_PATH ?? '';
  const whose = { ...connectionOptions(context, redis), ...producerOptions(context) };
  return { ...whose, operations, proxy: proxyOf(config), basePath };
}

function proxyOf(config: Config): ProxyOptions | undefined {
  const {
    TALLY_DASHBOARD_PROXY_ADDRESSES: addresses,
    TALLY_DASHBOARD_USER_HEADER: userHeader,
    TALLY_DASHBOARD_ROLE_HEADER: roleHeader,
  } = config;
  if ((userHeader === undefined) !== (roleHeader === undefined)) {
    throw new ConfigurationError('set TALLY_DASHBOARD_USER_HEADER and TALLY_DASHBOARD_ROLE_HEADER, or neither');
  }
  if (addresses === undefined && userHeader !== undefined) {
    throw new ConfigurationError(
      'TALLY_DASHBOARD_USER_HEADER is set, but not who may send it: set TALLY_DASHBOARD_PROXY_ADDRESSES to the ' +
        "proxy's address, for example TALLY_DASHBOARD_PROXY_ADDRESSES=10.0.0.5",
    );
  }
  return addresses && { addresses, userHeader, roleHeader };
}
