import type { Redis } from 'ioredis';
import { addressOf } from './masters.js';

/** Where a server is, as `host:port` or the path of its socket; of Sentinel, the master that it led to. */
export function nodeName(server: Redis): string {
  const { sentinels } = server.options;
  if (Array.isArray(sentinels)) {
    const { remoteAddress = 'unknown', remotePort = 0 } = server.stream;
    return `${remoteAddress}:${remotePort}`;
  }
  return addressOf(server);
}
