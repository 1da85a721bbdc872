import type { Logger } from 'pino';
import { ClusterConnection } from './cluster-connection.js';
import type { ConnectionProfile } from './connection-profile.js';
import type { Connection } from './connection.js';
import { noteErrors } from './note-errors.js';
import { SentinelWatch } from './sentinel-watch.js';
import { ServerConnection } from './server-connection.js';
import { describeTarget, readTarget } from './target.js';
import type { RedisTarget, ServerOptions } from './target.js';

/**
 * Opens a connection that never gives up: commands wait while Redis is unreachable and are sent when it is back.
 * BullMQ's workers need this. `connectionName` shows in CLIENT LIST.
 */
export function connectPatiently(target: RedisTarget, connectionName: string, logger: Logger): Connection {
  return connect(target, { connectionName, timeoutMs: undefined }, logger);
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
  return connect(target, { connectionName, timeoutMs }, logger);
}

function connect(target: RedisTarget, profile: ConnectionProfile, logger: Logger): Connection {
  const options = readTarget(target);
  const connection =
    options.nodes === undefined ? new ServerConnection(options, profile) : new ClusterConnection(options, profile);
  connection.address = describeTarget(target);
  noteErrors(connection, options, profile.connectionName, logger);
  if (connection instanceof ServerConnection && options.nodes === undefined && options.sentinels !== undefined) {
    followSentinels(connection, options, logger);
  }
  return connection;
}

/** Leaves a master for the one that Sentinels name in its place: the old one may not know yet, or be frozen. */
function followSentinels(connection: ServerConnection, options: ServerOptions, logger: Logger): void {
  const watch = new SentinelWatch(options, (address) => {
    const left = connection.leaveAllBut(address);
    if (left > 0) {
      const { connectionName } = connection.options;
      logger.warn({ connection: connectionName, connections: left }, `Redis: Sentinel names ${address} as the master`);
    }
  });
  connection.once('end', () => {
    watch.close();
  });
}
