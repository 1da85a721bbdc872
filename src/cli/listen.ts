import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigurationError } from '../errors.js';
import { ApiServer } from '../producers/http/server.js';
import type { Context } from './context.js';

/**
 * Serves on the configured address.
 *
 * @throws ConfigurationError when that is not possible
 */
export async function listen(listener: RequestListener, { config }: Context): Promise<ApiServer> {
  const { HOST: host, PORT: port } = config;
  const server = new ApiServer(listener).listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const hint = inUse ? 'it is in use; set PORT to another, for example PORT=3001' : (error as Error).message;
    throw new ConfigurationError(`can't listen on ${host}:${port}: ${hint}`, { cause: error });
  }
  return server;
}

/** Where a listening server is reached, as a URL. */
export function originOf(server: ApiServer): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
