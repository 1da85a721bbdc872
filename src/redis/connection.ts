import { Cluster } from 'ioredis';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { endConnection } from './end-connection.js';
import { hearNode } from './hear-node.js';
import { hideArguments } from './hide-arguments.js';
import { MasterSearch } from './master-search.js';
import { noteErrors } from './note-errors.js';
import { persistent, reconnectDelayMs } from './reconnect.js';
import type { RefusalCode } from './refusal.js';
import { ServerRedis } from './server-redis.js';
import { SentinelWatch } from './sentinel-watch.js';
import { SlotFollower } from './slot-follower.js';
import { NO_SLOT } from './slots.js';
import type { Slot } from './slots.js';
import { describeTarget, readTarget } from './target.js';
import type { ClusterNode, ClusterTarget, RedisTarget, ServerOptions } from './target.js';

/** Something that runs commands: one server, or a Cluster. */
export type RedisClient = Redis | Cluster;

/** A connection of Tally's. */
export type Connection = ServerConnection | ClusterConnection;

/** What a connection is for, see {@link connectPatiently} and {@link connectPromptly}. */
interface Manner {
  readonly connectionName: string;
  /** Milliseconds after which a command fails; undefined when it waits for as long as it takes. */
  readonly timeoutMs: number | undefined;
}

/**
 * Opens a connection that never gives up: commands wait while Redis is away and are sent when it is back.
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

function connect(target: RedisTarget, manner: Manner, logger: Logger): Connection {
  const options = readTarget(target);
  const connection =
    options.nodes === undefined
      ? new ServerConnection(serverOptions(options, manner))
      : new ClusterConnection(options, manner);
  connection.address = describeTarget(target);
  noteErrors(connection, options, manner.connectionName, logger);
  if (connection instanceof ServerConnection && options.nodes === undefined && options.sentinels !== undefined) {
    followSentinels(connection, options, logger);
  }
  return connection;
}

/**
 * Of every connection. ioredis would wait 2 s for a server that does not answer to end a connection, and ask one that loads its
 * data every 10 s: both keep a process running that has closed all else.
 */
const QUICK_TO_END = { disconnectTimeout: 100, maxLoadingRetryTime: 300 } as const;

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

function serverOptions(options: ServerOptions, manner: Manner): ServerOptions {
  const { sentinels, retryStrategy, sentinelRetryStrategy } = options;
  return {
    socketTimeout: SILENCE_MS,
    ...options,
    ...mannerOptions(manner),
    retryStrategy: persistent(retryStrategy, reconnectDelayMs),
    ...(sentinels !== undefined && {
      sentinelRetryStrategy: persistent(sentinelRetryStrategy, (times) => Math.min(times * 10, 1_000)),
    }),
  };
}

function mannerOptions({ connectionName, timeoutMs }: Manner) {
  return {
    ...QUICK_TO_END,
    connectionName,
    ...(timeoutMs === undefined
      ? { maxRetriesPerRequest: null }
      : { maxRetriesPerRequest: 1, commandTimeout: timeoutMs, connectTimeout: timeoutMs }),
  };
}

/** A server that says nothing for so long is left, for the master that takes its place: no command takes longer. */
const SILENCE_MS = 15_000;

/** Blocking reads take up to 10 s, whatever silence a user lets other connections bear. */
function copyOptions<Options extends { socketTimeout?: number | undefined }>(options: Options): Options {
  return { ...options, socketTimeout: Math.max(options.socketTimeout ?? 0, SILENCE_MS) };
}

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
 * waits for ever when Redis is away, so the copies have to be ended from here.
 *
 * Emits `replica`, with an error that says why, when its server is no master, and `master` when it is one again.
 */
class ServerConnection extends ServerRedis {
  readonly #copies: Redis[] = [];
  /** Where it leads to, without passwords. */
  address = '';
  /** Why Redis can't be reached at the moment, if it can't. */
  lastError: Error | undefined;
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

  constructor(options: ServerOptions) {
    super(options);
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

/** ioredis waits this long before it sends a command again that a Cluster in motion has refused. */
const RESEND_DELAY_MS = 100;

/** A command for a slot that is half moved goes back and forth before it waits: ASK, TRYAGAIN, MOVED. */
const REDIRECTIONS_PER_RESEND = 4;

/** How long a command of a patient connection is sent again before its caller, who may do better, is told. */
const PATIENCE_MS = 1_000;

/** A busy node answers CLUSTER SLOTS late. */
const SLOTS_REFRESH_TIMEOUT_MS = 3_000;

/**
 * How often to ask for the slots without need: an idle connection learns of new masters. ioredis 6 would do so by itself
 * (`slotsRefreshInterval`), but when it was asking at the time of its end, it goes on for ever and keeps the process running.
 */
const SLOTS_REFRESH_INTERVAL_MS = 10_000;

/** A connection to all masters of a Cluster, with what {@link ServerConnection} has. */
export class ClusterConnection extends Cluster {
  readonly #copies: (Redis | Cluster)[] = [];
  /** By slot. */
  readonly #forSlots = new Map<number, Cluster>();
  readonly #anyNode: ClusterNode;
  readonly #timeoutMs: number | undefined;
  address = '';
  lastError: Error | undefined;
  /** How often the connection to a node was lost. */
  disconnects = 0;
  readies = 0;
  onRefusal: ((code: RefusalCode) => void) | undefined;

  constructor(target: ClusterTarget, manner: Manner) {
    super([...target.nodes], clusterOptions(target, manner));
    [this.#anyNode] = target.nodes as [ClusterNode];
    this.#timeoutMs = manner.timeoutMs;
    const lost = () => {
      this.disconnects += 1;
    };
    this.on('-node', lost);
    this.on('+node', (node: Redis) => {
      hearNode(node, lost);
    });
    const refreshing = setInterval(() => {
      if (this.status === 'ready') {
        this.refreshSlotsCache();
      }
    }, target.slotsRefreshInterval ?? SLOTS_REFRESH_INTERVAL_MS);
    refreshing.unref();
    this.once('end', () => {
      clearInterval(refreshing);
    });
  }

  override duplicate(...override: Parameters<Cluster['duplicate']>): Cluster {
    const copy = super.duplicate(...override);
    copy.on('+node', (node: Redis) => {
      hearNode(node, () => undefined);
    });
    this.#copies.push(copy);
    return copy;
  }

  /**
   * This connection as BullMQ gets it for queues in one slot: its copies, for blocking reads, are connections to the master
   * of that slot alone. Copies of the whole would be many connections for each queue, and after a failover some of them
   * never came back: ioredis notes that a Cluster is closed once for each node that goes, also after its end.
   */
  forSlot(slot: number): Cluster {
    const known = this.#forSlots.get(slot);
    if (known !== undefined) {
      return known;
    }
    const duplicate = (_nodes?: unknown, options?: { redisOptions?: ServerOptions }) => this.#follow(slot, options);
    const view = new Proxy<Cluster>(this, {
      get: (cluster, name) => {
        const value: unknown = name === 'duplicate' ? duplicate : Reflect.get(cluster, name, cluster);
        return typeof value === 'function' ? (value.bind(cluster) as unknown) : value;
      },
    });
    this.#forSlots.set(slot, view);
    return view;
  }

  #follow(slot: number, { redisOptions }: { redisOptions?: ServerOptions } = {}): Redis {
    const copy = new SlotFollower(copyOptions({ ...redisOptions, lazyConnect: true }), () => {
      this.refreshSlotsCache();
      return this.#addressOf(slot);
    });
    copy.on('error', hideArguments);
    copy.connect().catch(() => undefined); // it goes on trying
    this.#copies.push(copy);
    return copy;
  }

  #addressOf(slot: number): ClusterNode {
    const key = this.slots[slot]?.[0];
    if (key === undefined) {
      return this.#anyNode; // its first answer names the right one
    }
    const colon = key.lastIndexOf(':');
    return { host: key.slice(0, colon), port: Number(key.slice(colon + 1)) };
  }

  /** Also bounds the time that a command waits for the Cluster to be found; see {@link ServerRedis.sendCommand}. */
  override sendCommand(...[command, ...rest]: Parameters<Cluster['sendCommand']>): ReturnType<Cluster['sendCommand']> {
    const { isSettled } = command as unknown as { isSettled: boolean };
    if (isSettled) {
      return command.promise;
    }
    if (this.#timeoutMs !== undefined) {
      command.setTimeout(this.#timeoutMs);
    }
    return super.sendCommand(command, ...rest);
  }

  masters(): Redis[] {
    return this.nodes('master');
  }

  masterOf(slot: Slot): Redis | undefined {
    const key = slot === NO_SLOT ? undefined : this.slots[slot]?.[0];
    return this.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === key);
  }

  /** Also while no replica answers: CLUSTER SLOTS leaves such a one out. */
  async mayForget(slot: number): Promise<boolean> {
    const nodes = String(await this.masterOf(slot)?.cluster('NODES'));
    const [, master] = /^(\w+) .*\bmyself\b/m.exec(nodes) ?? [];
    return master === undefined || new RegExp(`\\bslave\\S* ${master} `).test(nodes);
  }

  disconnectAll(): void {
    for (const connection of [this, ...this.#copies]) {
      endConnection(connection);
    }
  }
}

const keepName: NonNullable<ClusterTarget['dnsLookup']> = (host, callback) => {
  callback(null, host);
};

function clusterOptions(
  { nodes: _, redisOptions, clusterRetryStrategy, ...options }: ClusterTarget,
  manner: Manner,
): ConstructorParameters<typeof Cluster<'legacy'>>[1] {
  return {
    slotsRefreshTimeout: SLOTS_REFRESH_TIMEOUT_MS,
    // Certificates name hosts: of one that was looked up, only an address would be left.
    ...(redisOptions?.tls !== undefined && { dnsLookup: keepName }),
    ...options,
    clusterRetryStrategy: persistent(clusterRetryStrategy, (times) => Math.min(100 + times * 2, 2_000)),
    slotsRefreshInterval: 0,
    retryDelayOnFailover: RESEND_DELAY_MS,
    retryDelayOnClusterDown: RESEND_DELAY_MS,
    retryDelayOnTryAgain: RESEND_DELAY_MS,
    maxRedirections: Math.ceil((manner.timeoutMs ?? PATIENCE_MS) / RESEND_DELAY_MS) * REDIRECTIONS_PER_RESEND,
    redisOptions: {
      socketTimeout: SILENCE_MS,
      ...redisOptions,
      ...mannerOptions(manner),
    },
  };
}
