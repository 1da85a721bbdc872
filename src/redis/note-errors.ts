import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { explainFault, explainRefusal } from './connection-fault.js';
import type { Connection } from './connection.js';
import { findFault } from './find-fault.js';
import type { ClusterTarget, ServerOptions } from './target.js';

/** What ioredis says of a Cluster or of Sentinels of which it reached none, at every attempt, and not why. */
const NONE_REACHED = /^(Failed to refresh slots cache|All sentinels are unreachable)/;

/** A node that says nothing for so long is away. */
const FIND_TIMEOUT_MS = 2_000;

/** How long after one search for the reason there is none again. */
const FIND_PAUSE_MS = 1_000;

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
  noteNoneReached(connection, target, note);
  if (target.nodes === undefined) {
    noteServer(connection as Redis, note);
    return;
  }
  connection.on('+node', (node: Redis) => {
    const { host = '', port = 0 } = node.options;
    noteServer(node, (message, cause) => {
      note(`${host}:${port} can't be reached (${message.replace(` ${host}:${port}`, '')})`, cause);
    });
    node.on('ready', forget);
  });
}

type Note = (message: string, cause: Error) => void;

/** A new connection that leads to a replica as well is as good as none: what is noted stays until a master is found. */
function noteSearch(connection: Connection, note: Note, forget: () => void): void {
  let isSearching = false;
  connection.on('ready', () => {
    if (!isSearching) {
      forget();
    }
  });
  connection.on('replica', (reason: Error) => {
    if (isSearching) {
      connection.lastError ??= new Error(explainRefusal(reason), { cause: reason }); // each refusal is another one
    } else {
      isSearching = true;
      note(explainRefusal(reason), reason);
    }
  });
  connection.on('master', () => {
    isSearching = false;
    forget();
  });
}

/** The errors of a connection to one server. */
function noteServer(redis: Redis, note: Note): void {
  let wasReady = false;
  redis.on('ready', () => {
    wasReady = true;
  });
  redis.on('error', (error: Error) => {
    if (!NONE_REACHED.test(error.message)) {
      note(explainFault(error, { tls: redis.options.tls, wasReady }), error);
    }
  });
}

/** Those of a search for the servers. */
function noteNoneReached(connection: Connection, target: ServerOptions | ClusterTarget, note: Note): void {
  let mayFindAtMs = 0;
  connection.on('error', (error: Error) => {
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
