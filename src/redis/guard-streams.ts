import { Redis } from './ioredis.js';

interface Connector {
  /** The socket of the latest attempt to connect. */
  stream?: Redis['stream'] | undefined;
  /** Of Sentinel. */
  connectToSentinel?: (...args: unknown[]) => Redis;
}

const hear = () => undefined;

const heard = new WeakSet<Redis>();

/**
 * Hears all errors of the sockets of a connection, also of those that are still to come. ioredis 6 listens for the first of
 * each; with TLS there may be a second one, of an alert and then of a reset, and one that nobody hears ends the process.
 */
export function guardStreams<R extends Redis>(redis: R): R {
  if (heard.has(redis)) {
    return redis;
  }
  heard.add(redis);
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
    connector.connectToSentinel = (...args) => guardStreams(connectToSentinel(...args));
  }
  return redis;
}

/**
 * A connection whose sockets are heard from the first on: that of the first Sentinel is made within the constructor of ioredis,
 * which calls `connect`.
 */
export class GuardedRedis extends Redis {
  override connect(...args: Parameters<Redis['connect']>): ReturnType<Redis['connect']> {
    guardStreams(this);
    return super.connect(...args);
  }
}
