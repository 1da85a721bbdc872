import type { Redis } from 'ioredis';

/** A connection that only reads, or waits, hears from nothing else that its server has become a replica. */
const LOOK_EVERY_MS = 5_000;

/** A new connection may lead to the old server for a while. */
const PAUSE_MS = 2_000;

/**
 * What a server refuses as a replica, or because it has just become one. Redis 6.2 wraps what a script meets. Nothing of the
 * command was run, so sending it again is safe.
 */
const NO_MASTER = /^(READONLY|UNBLOCKED|MASTERDOWN) |^ERR Error running script .*-READONLY /;

/** Whether a server refused a command because it is no master, or not any more. */
export function isNoMaster({ message }: Error): boolean {
  return NO_MASTER.test(message);
}

function isReplica(replication: string): boolean {
  return /^role:(slave|replica)/m.test(replication);
}

/** Told of a search. */
interface Listener {
  /** The server is no master. It may be said again and again. */
  readonly lost: (reason: Error) => void;
  /** The server is one again. */
  readonly found: () => void;
}

/**
 * After a failover behind one address, as managed Redis makes it, the old connections live on and lead to a replica. This
 * leaves them as soon as one of a connection and its copies notices, so that new ones lead to the master.
 */
export class MasterSearch {
  readonly #connections: Redis[] = [];
  #leftAtMs = -Infinity;
  #isSearching = false;
  #isLooking = false;

  /** @param main the connection that asks for the role of its server, since copies wait in blocking reads */
  constructor(
    private readonly main: Redis,
    private readonly listener: Listener,
  ) {
    this.add(main);
    const timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    timer.unref();
    main.once('end', () => {
      clearInterval(timer);
    });
    main.on('ready', () => {
      if (this.#isSearching) {
        void this.#look();
      }
    });
  }

  /** Includes a copy of the connection. */
  add(connection: Redis): void {
    this.#connections.push(connection);
    if (connection !== this.main) {
      connection.on('connect', () => void this.#lookAtCopy(connection));
    }
  }

  /**
   * Leaves the server, with all connections, unless that was done a moment ago.
   *
   * @returns in how many ms it can be done again; 0 when it was done
   */
  leave(reason: Error): number {
    this.#isSearching = true;
    this.listener.lost(reason);
    const waitMs = this.#leftAtMs + PAUSE_MS - performance.now();
    if (waitMs > 0) {
      return waitMs;
    }
    this.#leftAtMs = performance.now();
    for (const connection of this.#connections) {
      // One that is connecting leads to the new server; to end it then would end it for good.
      if (connection.status === 'ready' && !connection.stream.writableEnded) {
        connection.disconnect(true);
      }
    }
    return 0;
  }

  /**
   * It may have found the old server, and the connection that it is of, a moment later, the new one: nothing else would tell where it
   * only waits. Asked before what it waits for is sent, as that may take for ever.
   */
  async #lookAtCopy(copy: Redis): Promise<void> {
    const { stream } = copy;
    try {
      if (isReplica(await copy.info('replication'))) {
        const timer = setTimeout(() => {
          if (copy.stream === stream && copy.status === 'ready' && !stream.writableEnded) {
            copy.disconnect(true);
          }
        }, PAUSE_MS);
        timer.unref();
      }
    } catch {
      // As below.
    }
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.main.status !== 'ready') {
      return;
    }
    this.#isLooking = true;
    try {
      if (isReplica(await this.main.info('replication'))) {
        this.leave(new Error('READONLY this server is a replica'));
      } else if (this.#isSearching) {
        this.#isSearching = false;
        this.listener.found();
      }
    } catch {
      // Redis is unreachable, which others tell, or the user may not ask: then commands tell.
    } finally {
      this.#isLooking = false;
    }
  }
}
