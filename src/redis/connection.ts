import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import type { Logger } from 'pino';

/** How to reach Redis: a URL (`redis://` or `rediss://`), or options of ioredis. */
export type RedisTarget = string | ConnectionOptions;

type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>;

/**
 * Opens a connection that never gives up: commands wait while Redis is away and are sent when it is back.
 * BullMQ's workers need this. `connectionName` shows in CLIENT LIST.
 */
export function connectPatiently(target: RedisTarget, connectionName: string, logger: Logger): Connection {
  return connect(target, { connectionName, maxRetriesPerRequest: null }, logger);
}

/**
 * Opens a connection that answers within `timeoutMs`, with an error if need be: for callers that wait.
 * After one failed reconnection all waiting commands fail.
 */
export function connectPromptly(
  target: RedisTarget,
  connectionName: string,
  timeoutMs: number,
  logger: Logger,
): Connection {
  const options = { connectionName, maxRetriesPerRequest: 1, commandTimeout: timeoutMs, connectTimeout: timeoutMs };
  return connect(target, options, logger);
}

/**
 * A connection that knows the copies which BullMQ makes of it for its blocking reads. BullMQ's own `close` waits
 * for ever when Redis is away, so the copies have to be ended from here.
 */
export class Connection extends Redis {
  readonly #copies: Redis[] = [];
  /** Why Redis can't be reached at the moment, if it can't. */
  lastError: Error | undefined;
  /** How often the connection was lost. */
  losses = 0;

  override duplicate(...override: Parameters<Redis['duplicate']>): Redis {
    const copy = super.duplicate(...override);
    this.#copies.push(copy);
    return copy;
  }

  /**
   * Drops a command whose caller was told long ago that it had failed. ioredis keeps it and would send it again
   * after a reconnection, hours later perhaps, when a job that it adds is no longer known.
   */
  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): ReturnType<Redis['sendCommand']> {
    const { isSettled } = command as unknown as { isSettled: boolean };
    return isSettled ? command.promise : super.sendCommand(command, stream);
  }

  /** Where it connects to, without a password. */
  get address(): string {
    return describeTarget(this.options);
  }

  /** Ends this connection and its copies at once. */
  disconnectAll(): void {
    for (const connection of [this, ...this.#copies]) {
      connection.disconnect();
    }
  }
}

function connect(target: RedisTarget, options: ConnectionOptions, logger: Logger): Connection {
  const redis =
    typeof target === 'string' ? new Connection(target, options) : new Connection({ ...target, ...options });
  redis.on('error', (error: Error) => {
    // ioredis repeats the error at every attempt, up to 20 times a second: say it once.
    if (error.message !== redis.lastError?.message) {
      redis.lastError = error;
      logger.warn({ err: error, connection: options.connectionName }, `Redis: ${error.message || String(error)}`);
    }
  });
  redis.on('close', () => {
    redis.losses += 1;
  });
  redis.on('ready', () => {
    redis.lastError = undefined;
  });
  return redis;
}

/** The URL without its password. */
export function describeTarget(target: RedisTarget): string {
  if (typeof target !== 'string') {
    return `redis://${target.host ?? '127.0.0.1'}:${target.port ?? 6379}`;
  }
  const url = new URL(target);
  if (url.password !== '') {
    url.password = '***';
  }
  return url.href;
}
