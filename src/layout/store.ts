import type { Logger } from 'pino';
import { defaultLogger } from '../lib/default-logger.js';
import { RedisClock } from '../redis/clock.js';
import { connectPatiently, connectPromptly } from '../redis/connect.js';
import type { Connection } from '../redis/connection.js';
import { createKeys } from '../redis/keys.js';
import type { Keys, Namespace } from '../redis/keys.js';
import { MasterProbe } from '../redis/master-probe.js';
import type { RedisTarget } from '../redis/target.js';
import { Layouts } from './layouts.js';
import type { PartitionCount } from './layout.js';

/** A master of a Cluster that takes longer counts as one that does not answer. */
const MASTER_PATIENCE_MS = 1_000;

export interface StoreOptions extends Namespace {
  readonly redis: RedisTarget;
  /** @defaultValue 8 on a Cluster; else queues are not split */
  readonly partitions?: PartitionCount;
  /** @defaultValue a pino logger at level `info` */
  readonly logger?: Logger | undefined;
  /** What the connection is called in CLIENT LIST. */
  readonly connectionName: string;
  /** How long a command may take, in ms. @defaultValue as long as Redis is unreachable: for those who can wait */
  readonly timeoutMs?: number;
  /** How long a master may take before it counts as unreachable, in ms. @defaultValue 1,000 */
  readonly masterPatienceMs?: number;
}

/** All that Tally keeps in Redis, and how it is found there: what every part of it begins with. */
export interface Store {
  readonly redis: Connection;
  readonly layouts: Layouts;
  readonly keys: Keys;
  readonly masters: MasterProbe;
  readonly clock: RedisClock;
  readonly logger: Logger;
  /** Ends the connection, and all copies of it, at once. */
  close(): void;
}

/**
 * Opens a connection of its own.
 *
 * @throws ConfigurationError for a target that is none, or names that don't go together
 */
export function openStore(options: StoreOptions): Store {
  const { redis: target, prefix, partitions, connectionName, timeoutMs } = options;
  const { logger = defaultLogger({ name: 'tally' }), masterPatienceMs: patienceMs = MASTER_PATIENCE_MS } = options;
  const keys = createKeys(options);
  const redis =
    timeoutMs === undefined
      ? connectPatiently(target, connectionName, logger)
      : connectPromptly(target, connectionName, timeoutMs, logger);
  const masters = new MasterProbe({ redis, prefix, patienceMs });
  const layouts = new Layouts({ redis, keys, masters }, { isCluster: redis.isCluster, prefix, partitions });
  const clock = new RedisClock(redis, logger);
  return {
    redis,
    layouts,
    keys,
    masters,
    clock,
    logger,
    close: () => {
      clock.close();
      redis.disconnectAll();
    },
  };
}
