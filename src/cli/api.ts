import { createApi } from '../producers/http/api.js';
import { connectionOptions, createContext, findRedis } from './context.js';
import { requireKeysOrLoopback } from './host.js';
import { listen, originOf } from './listen.js';
import { onStop } from './worker.js';

/** `tally api`: serves the HTTP API alone until it is told to stop. */
export async function serveApi(): Promise<void> {
  const context = createContext();
  const redis = findRedis(context);
  await requireKeysOrLoopback(context, redis);
  const api = createApi(connectionOptions(context, redis));
  const server = await listen(api.app, context).catch(async (error: unknown) => {
    await api.close();
    throw error;
  });
  onStop(context, async () => {
    api.drain();
    await server.closeInOrder(context.config.TALLY_CLOSE_TIMEOUT_MS);
    await api.close();
  });
  context.logger.info(`API        ${originOf(server)}/v1, documented at ${originOf(server)}/docs/`);
}
