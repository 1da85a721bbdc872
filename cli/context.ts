import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { readConfig } from './config.js';
import type { Config } from './config.js';
import { ownOperations } from './operations.js';
import type { Operation } from '../src/operations/operation.js';
import { ConfigurationError } from '../src/errors.js';
import { createLogger } from './logger.js';
import { readRecord } from '../src/redis/embedded-record.js';
import type { RedisTarget, UrlTarget } from '../src/redis/target.js';
import type { WebhookOptions } from '../src/subscribers/webhooks/webhook-options.js';

/** What every command starts from. */
export interface Context {
  readonly config: Config;
  readonly logger: Logger;
  /** The user's own. */
  readonly operations: readonly Operation[];
}

/** Logs go to stderr where stdout carries the answer. */
export function createContext(stream: NodeJS.WriteStream = process.stdout): Context {
  const config = readConfig(process.env);
  return { config, logger: createLogger(config.LOG_LEVEL, stream), operations: ownOperations() };
}

/** What the library's functions need to reach the same Redis and the same keys. */
export function connectionOptions({ config, logger }: Context, redis: RedisTarget) {
  const { TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix, TALLY_PARTITIONS: partitions } = config;
  return { redis, namespace, prefix, partitions, logger };
}

/** What a write of a producer or worker has to reach before it counts. */
export function durabilityOptions({ config }: Context) {
  const { TALLY_REPLICAS_TO_CONFIRM: replicasToConfirm, TALLY_CONFIRM_ON_DISK: confirmOnDisk } = config;
  return { replicasToConfirm, confirmOnDisk };
}

/** What the producers of a command need beside that. */
export function producerOptions(context: Context) {
  const { config, operations } = context;
  return { ...durabilityOptions(context), idempotencyWindowMs: config.TALLY_IDEMPOTENCY_WINDOW_MS, operations };
}

/** What webhooks are added and delivered with; undefined when there are none. */
export function webhookOptions({ config }: Context): WebhookOptions | undefined {
  const { TALLY_WEBHOOK_KEY: sealingKeys, TALLY_WEBHOOK_ORIGIN: origin, TALLY_WEBHOOK_ALLOW_HTTP: allowHttp } = config;
  const { TALLY_WEBHOOK_ALLOW_NETWORKS: allowedNetworks, TALLY_WEBHOOK_MAX_PER_OWNER: maxPerOwner } = config;
  return sealingKeys && { sealingKeys, origin, allowHttp, allowedNetworks, maxPerOwner };
}

/** What the API of a command needs beside what producers do. */
export function apiOptions(context: Context) {
  return { outcomes: context.config.TALLY_OUTCOMES, webhooks: webhookOptions(context) };
}

/**
 * The Redis of `REDIS_URL`, or the one that `tally up` runs in this folder.
 *
 * @throws ConfigurationError when there is neither, or a file for TLS can't be read
 */
export function findRedis(context: Context): RedisTarget {
  const url = findRedisUrl(context);
  const tls = readTls(context.config);
  return tls === undefined ? url : { url, tls };
}

/** The same as a URL alone. @throws ConfigurationError when there is none */
function findRedisUrl({ config }: Context): string {
  const url = config.REDIS_URL ?? readRecord(config.TALLY_DATA_DIR)?.url;
  if (url === undefined) {
    throw new ConfigurationError(
      `no Redis found: start Tally in this folder (npm start), or set REDIS_URL, for example REDIS_URL=redis://127.0.0.1:6379`,
    );
  }
  return url;
}

/** Undefined when there are none: Node's own authorities do, and those of NODE_EXTRA_CA_CERTS. */
function readTls(config: Config): UrlTarget['tls'] {
  const { TALLY_REDIS_CERT_FILE: certificate, TALLY_REDIS_KEY_FILE: key } = config;
  if ((certificate === undefined) !== (key === undefined)) {
    throw new ConfigurationError('set TALLY_REDIS_CERT_FILE and TALLY_REDIS_KEY_FILE, or neither');
  }
  const settings = {
    ca: readPem(config, 'TALLY_REDIS_CA_FILE'),
    cert: readPem(config, 'TALLY_REDIS_CERT_FILE'),
    key: readPem(config, 'TALLY_REDIS_KEY_FILE'),
    rejectUnauthorized: config.TALLY_REDIS_TLS_REJECT_UNAUTHORIZED ? undefined : false,
  };
  const given = Object.entries(settings).filter(([, setting]) => setting !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

type PemVariable = 'TALLY_REDIS_CA_FILE' | 'TALLY_REDIS_CERT_FILE' | 'TALLY_REDIS_KEY_FILE';

function readPem(config: Config, variable: PemVariable): string | undefined {
  const path = config[variable];
  if (path === undefined) {
    return undefined;
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`${variable}: can't read ${path} (${(error as Error).message})`, { cause: error });
  }
  if (!text.includes('-----BEGIN ')) {
    throw new ConfigurationError(`${variable}: ${path} is no PEM file: it has no line -----BEGIN …-----`);
  }
  return text;
}
