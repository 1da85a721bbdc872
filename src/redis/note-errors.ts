import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { ClusterConnection } from './cluster-connection.js';
import { explainFault, explainRefusal } from './connection-fault.js';
import type { Connection } from './connection.js';
import { findFault } from './find-fault.js';
import { onErrorReply, onHandshakeError } from './on-error-reply.js';
import { hideArguments } from './hide-arguments.js';
import { isRefusalCode, refusalOf } from './refusal.js';
import { RefusalLog } from './refusal-log.js';
import type { Refusal } from './refusal.js';
import type { ClusterTarget, ServerOptions } from './target.js';

/** What ioredis says of a Cluster or of Sentinels of which it reached none, at every attempt, and not why. */
const NONE_REACHED = /^(Failed to refresh slots cache|All sentinels are unreachable)/;

/** A node that says nothing for so long is unreachable. */
const FIND_TIMEOUT_MS = 2_000;

/** How long after one search for the reason there is none again. */
const FIND_PAUSE_MS = 1_000;

/** How often at most it is logged that a server is a replica. */
const SAY_REPLICA_EVERY_MS = 60_000;

/** Keeps in `lastError` why Redis can't be reached at the moment, in words that name the setting to look at, and logs it. */
export function noteErrors(
  connection: Connection,
  target: ServerOptions | ClusterTarget,
  connectionName: string,
  logger: Logger,
): void {
  let noted: string | undefined;
  const note = (message: string, cause: Error) => {
    connection.lastError = message === cause.message ? cause : new Error(message, { cause });
    // ioredis repeats the error at every attempt, up to 20 times a second: say it once.
    if (message !== noted) {
      noted = message;
      logger.warn({ err: cause, connection: connectionName }, `Redis: ${message}`);
    }
  };
  const forget = () => {
    noted = undefined;
    connection.lastError = undefined;
  };
  noteSearch(connection, note, forget);
  connection.on('ready', () => {
    connection.readies += 1;
  });
  noteNoneReached(connection, target, note);
  const refused = sayRefusals(connection, connectionName, logger);
  if (target.nodes === undefined) {
    connection.on('replica', (error: Error) => {
      countRefusal(connection, error); // such an answer makes the connection leave, and is not told as an error
    });
    noteServer(connection as Redis, note, connection);
    onErrorReply(connection as Redis, refused);
    return;
  }
  connection.on('+node', (node: Redis) => {
    const { host = '', port = 0 } = node.options;
    const noteNode: Note = (message, cause) => {
      note(`${host}:${port} can't be reached (${message.replace(` ${host}:${port}`, '')})`, cause);
    };
    noteServer(node, noteNode, connection);
    onErrorReply(node, refused);
    node.on('ready', forget);
  });
}

type Note = (message: string, cause: Error) => void;

/**
 * A new connection that leads to a replica as well is as good as none: what is noted stays until a master is found. A copy may
 * still lead to the replica when the others have found the master: that is the same failover, and not logged again.
 */
function noteSearch(connection: Connection, note: Note, forget: () => void): void {
  let isSearching = false;
  let saidAtMs = -Infinity;
  connection.on('ready', () => {
    if (!isSearching) {
      forget();
    }
  });
  connection.on('replica', (reason: Error) => {
    if (isSearching || performance.now() - saidAtMs < SAY_REPLICA_EVERY_MS) {
      connection.lastError ??= new Error(explainRefusal(reason), { cause: reason }); // each refusal is another one
    } else {
      saidAtMs = performance.now();
      note(explainRefusal(reason), reason);
    }
    isSearching = true;
  });
  connection.on('master', () => {
    isSearching = false;
    forget();
  });
}

/** Counts and logs what Redis refuses on a connection that it has let in. */
function sayRefusals(connection: Connection, connectionName: string, logger: Logger): (error: Error) => void {
  const log = new RefusalLog(connectionName, logger);
  return (error) => {
    const refusal = countRefusal(connection, error);
    if (refusal !== undefined) {
      log.heard(error, refusal);
    }
  };
}

function countRefusal(connection: Connection, error: Error): Refusal | undefined {
  const refusal = refusalOf(error);
  if (refusal === undefined || !isRefusalCode(refusal.code)) {
    return undefined;
  }
  connection.onRefusal?.(refusal.code);
  if (refusal.code === 'CLUSTERDOWN' && connection instanceof ClusterConnection) {
    connection.noteDown(error);
  }
  return refusal;
}

/** The errors of a connection to one server. */
function noteServer(redis: Redis, note: Note, connection: Connection): void {
  let wasReady = false;
  let refusal: Error | undefined;
  redis.on('ready', () => {
    wasReady = true;
  });
  redis.on('connecting', () => {
    refusal = undefined;
  });
  onHandshakeError(redis, (error) => {
    if (refusal !== undefined) {
      return; // what comes behind a wrong password is refused for want of one
    }
    refusal = error;
    const { code } = refusalOf(error) ?? {};
    if (code !== undefined && isRefusalCode(code)) {
      connection.onRefusal?.(code);
    }
    note(explainFault(error, { tls: redis.options.tls }), error);
  });
  redis.on('error', (error: Error) => {
    hideArguments(error);
    if (!NONE_REACHED.test(error.message)) {
      const cause = refusal ?? error; // a server that refuses a connection ends it
      note(explainFault(cause, { tls: redis.options.tls, wasReady }), cause);
    }
  });
}

/** Those of a search for the servers. */
function noteNoneReached(connection: Connection, target: ServerOptions | ClusterTarget, note: Note): void {
  let mayFindAtMs = 0;
  connection.on('error', (error: Error) => {
    hideArguments(error);
    if (!NONE_REACHED.test(error.message)) {
      return;
    }
    const { lastNodeError = error } = error as { lastNodeError?: Error };
    const known = explainFault(lastNodeError, { wasReady: true }).replace(/ Retrying from scratch after \d+ms\./, '');
    connection.lastError ??= new Error(known, { cause: error });
    if (performance.now() < mayFindAtMs) {
      return;
    }
    mayFindAtMs = Infinity;
    void findFault(target, FIND_TIMEOUT_MS).then((fault) => {
      mayFindAtMs = performance.now() + FIND_PAUSE_MS;
      if (connection.status !== 'ready' && connection.status !== 'end') {
        note(fault ?? known, lastNodeError);
      }
    });
  });
}
