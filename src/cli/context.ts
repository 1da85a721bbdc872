import type { Logger } from 'pino';
import { readConfig } from '../config.js';
import type { Config } from '../config.js';
import { ConfigurationError } from '../errors.js';
import { createLogger } from '../logger.js';
import { readRecord } from '../redis/embedded-record.js';

/** What every command starts from. */
export interface Context {
  readonly config: Config;
  readonly logger: Logger;
}

/** Logs go to stderr where stdout carries the answer. */
export function createContext(stream: NodeJS.WriteStream = process.stdout): Context {
  const config = readConfig(process.env);
  return { config, logger: createLogger(config.LOG_LEVEL, stream) };
}

/** What the library's functions need to reach the same Redis and the same keys. */
export function connectionOptions({ config, logger }: Context, redis: string) {
  return { redis, namespace: config.TALLY_NAMESPACE, prefix: config.TALLY_PREFIX, logger };
}

/**
 * The Redis of `REDIS_URL`, or the one that `tally up` runs in this folder.
 *
 * @throws ConfigurationError when there is neither
 */
export function findRedis({ config }: Context): string {
  const url = config.REDIS_URL ?? readRecord(config.TALLY_DATA_DIR)?.url;
  if (url === undefined) {
    throw new ConfigurationError(
      `no Redis found: start Tally in this folder (npm start), or set REDIS_URL, for example REDIS_URL=redis://127.0.0.1:6379`,
    );
  }
  return url;
}
