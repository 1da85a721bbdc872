import type { Redis } from 'ioredis';

/** Where a server is, as `host:port` or the path of its socket; of Sentinel, the master that it led to. */
export function nodeName(server: Redis): string {
  const { sentinels } = server.options;
  if (Array.isArray(sentinels)) {
    const { remoteAddress = 'unknown', remotePort = 0 } = server.stream;
    return `${remoteAddress}:${remotePort}`;
  }
  return addressOf(server);
}

/** Where a server is, for people. */
export function addressOf({ options: { path, host = '127.0.0.1', port = 6379 } }: Redis): string {
  return path ?? `${host}:${port}`;
}
