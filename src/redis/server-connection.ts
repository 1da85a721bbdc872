import type { Redis } from 'ioredis';
import { endConnection } from './end-connection.js';
import { hideArguments } from './hide-arguments.js';
import { copyOptions, profileOptions, SILENCE_MS } from './connection-profile.js';
import type { ConnectionProfile } from './connection-profile.js';
import { MasterSearch } from './master-search.js';
import { persistent, reconnectDelayMs } from './reconnect.js';
import type { RefusalCode } from './refusal.js';
import { ServerRedis } from './server-redis.js';
import type { Slot } from './slots.js';
import type { ServerOptions } from './target.js';

/** A copy of a connection, for blocking reads. */
class ServerCopy extends ServerRedis {
  constructor(
    options: ServerOptions,
    protected readonly search: MasterSearch,
  ) {
    super(options);
    search.add(this);
  }
}

/**
 * A connection to one server. It knows the copies which BullMQ makes of it for its blocking reads: BullMQ's own `close`
 * waits for ever when Redis is unreachable, so the copies have to be ended from here.
 *
 * Emits `replica`, with an error that says why, when its server is no master, and `master` when it is one again.
 */
export class ServerConnection extends ServerRedis {
  readonly #copies: Redis[] = [];
  /** Where it leads to, without passwords. */
  address = '';
  /** Why Redis can't be reached at the moment, if it can't. */
  lastError: Error | undefined;
  /** Of a Cluster only, see there. */
  readonly down = undefined;
  /** How often the connection was lost, or what came over it could not be read. */
  disconnects = 0;
  /** How often it was made: while it is not, nothing is sent. */
  readies = 0;
  /** Called with the code of every error reply with which Redis refuses a command. */
  onRefusal: ((code: RefusalCode) => void) | undefined;
  protected readonly search = new MasterSearch(this, {
    lost: (reason) => this.emit('replica', reason),
    found: () => this.emit('master'),
  });

  constructor(options: ServerOptions, profile: ConnectionProfile) {
    super(serverOptions(options, profile));
    this.on('close', () => {
      this.disconnects += 1;
    });
  }

  override duplicate(override?: Partial<ServerOptions>): Redis {
    const copy = new ServerCopy(copyOptions({ ...this.options, ...override }), this.search);
    copy.on('error', hideArguments);
    this.#copies.push(copy);
    return copy;
  }

  /** All commands under way fail at once: they may have been run, as when the connection is lost, which is noted later. */
  override recoverFromFatalError(...args: Parameters<Redis['recoverFromFatalError']>): void {
    this.disconnects += 1;
    super.recoverFromFatalError(...args);
  }

  /**
   * Connects anew where it, or a copy, is connected to another server than this.
   *
   * @returns how many of them these were
   */
  leaveAllBut(address: string): number {
    const strays = [this, ...this.#copies].filter(
      ({ status, stream }) =>
        (status === 'connect' || status === 'ready') && `${stream.remoteAddress}:${stream.remotePort}` !== address,
    );
    for (const stray of strays) {
      const { stream } = stray;
      stray.disconnect(true);
      stream.destroy(); // a server that is frozen would not answer its end
    }
    return strays.length;
  }

  /** This connection: see {@link ClusterConnection.forSlot}. */
  forSlot(_slot: number): Redis {
    return this;
  }

  /** The servers that are written to. */
  masters(): Redis[] {
    return [this];
  }

  /** The server that a slot's keys are written to. */
  masterOf(_slot: Slot): Redis {
    return this;
  }

  /** Whether a replica may take over from the master of a slot alone, and forget what other masters still know. */
  mayForget(_slot: number): Promise<boolean> {
    return Promise.resolve(false); // there is one master: what is forgotten in a failover, is forgotten in all keys
  }

  /** Ends this connection and its copies at once. */
  disconnectAll(): void {
    for (const connection of [this, ...this.#copies]) {
      endConnection(connection);
    }
  }
}

function serverOptions(options: ServerOptions, profile: ConnectionProfile): ServerOptions {
  const { sentinels, retryStrategy, sentinelRetryStrategy } = options;
  return {
    socketTimeout: SILENCE_MS,
    ...options,
    ...profileOptions(profile),
    retryStrategy: persistent(retryStrategy, reconnectDelayMs),
    ...(sentinels !== undefined && {
      sentinelRetryStrategy: persistent(sentinelRetryStrategy, (times) => Math.min(times * 10, 1_000)),
    }),
  };
}
