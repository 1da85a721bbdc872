import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDashboard } from '../../dashboard/app.js';
import { ConfigurationError } from '../errors.js';
import { describeTarget } from '../redis/connection.js';
import { claimEmbeddedRedis } from '../redis/embedded-record.js';
import { withinTime } from '../within-time.js';
import { connectionOptions, createContext } from './context.js';
import type { Context } from './context.js';
import { onStop, startWorker } from './worker.js';

type Stop = () => Promise<void>;

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
  const worker = startWorker(context, redis);
  stops.push(() => worker.close());
  await worker.ready();
  const dashboard = createDashboard(connectionOptions(context, redis));
  stops.push(() => dashboard.close());
  const server = await listen(dashboard.app, context);
  stops.push(() => closeServer(server));
  announce(context, redis, server);
}

/** Stops what was started, the last first. */
async function stopAll(stops: Stop[]): Promise<void> {
  for (const stop of stops.splice(0).reverse()) {
    await stop();
  }
}

async function startRedis({ config, logger }: Context, stops: Stop[]): Promise<string> {
  if (config.REDIS_URL !== undefined) {
    return config.REDIS_URL;
  }
  const redis = await claimEmbeddedRedis(config.TALLY_DATA_DIR, logger);
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

async function listen(handler: RequestListener, { config }: Context): Promise<Server> {
  const { HOST: host, PORT: port } = config;
  const server = createServer(handler).listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const hint = inUse ? 'it is in use; set PORT to another, for example PORT=3001' : (error as Error).message;
    throw new ConfigurationError(`can't listen on ${host}:${port}: ${hint}`, { cause: error });
  }
  return server;
}

async function closeServer(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}

function announce({ config, logger }: Context, redis: string, server: Server): void {
  const { address, family, port } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  const where = config.REDIS_URL === undefined ? ` (private, data in ${config.TALLY_DATA_DIR})` : '';
  logger.info(`Redis      ${describeTarget(redis)}${where}`);
  logger.info(`dashboard  http://${host}:${port}/ops/queues`);
  logger.info(`Tally is up. Try: npx tally submit counter.increment --params '{"key":"count","by":5}' --wait`);
}
