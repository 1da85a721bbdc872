import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** What Redis adds to a node's port to get the port of its cluster bus. */
export const BUS_OFFSET = 10_000;

/**
 * Ports of 127.0.0.1 that are free, each with its cluster bus port.
 *
 * Both lie below 32768, where systems begin to give ports to outgoing connections: so none of those takes the port
 * of a server that is down and will be started again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(10_000, 32_768 - BUS_OFFSET);
    if ((await isFree(port)) && (await isFree(port + BUS_OFFSET))) {
      ports.add(port);
    }
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
