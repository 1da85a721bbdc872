import type { Redis } from 'ioredis';

interface Connector {
  /** The socket of the latest attempt to connect. */
  stream?: Redis['stream'] | undefined;
  /** Of Sentinel. */
  connectToSentinel?: (...args: unknown[]) => Redis;
}

const hear = () => undefined;

/**
 * Hears all errors of the sockets of a connection, also of those that are still to come. ioredis 6 listens for the first of
 * each; with TLS there may be a second one, of an alert and then of a reset, and one that nobody hears ends the process.
 */
export function hearStreams<R extends Redis>(redis: R): R {
  redis.on('error', hear); // ioredis emits some whether or not anybody listens
  const { connector } = redis as unknown as { connector: Connector };
  let { stream } = connector;
  Object.defineProperty(connector, 'stream', {
    enumerable: true,
    configurable: true,
    get: () => stream,
    set: (next: typeof stream) => {
      next?.on('error', hear);
      stream = next;
    },
  });
  if (connector.connectToSentinel !== undefined) {
    const connectToSentinel = connector.connectToSentinel.bind(connector);
    connector.connectToSentinel = (...args) => hearStreams(connectToSentinel(...args));
  }
  return redis;
}
