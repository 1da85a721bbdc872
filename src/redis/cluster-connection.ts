import { endConnection } from './end-connection.js';
import { guardNode } from './guard-node.js';
import { hideArguments } from './hide-arguments.js';
import { Cluster } from './ioredis.js';
import type { Redis } from './ioredis.js';
import { copyOptions, profileOptions, SILENCE_MS } from './connection-profile.js';
import type { ConnectionProfile } from './connection-profile.js';
import { mapAddress, reachableAddress } from './nat-map.js';
import type { NatMap } from './nat-map.js';
import { persistent } from './reconnect.js';
import type { RefusalCode } from './refusal.js';
import { SlotFollower } from './slot-follower.js';
import { NO_SLOT } from './slots.js';
import type { Slot } from './slots.js';
import type { ClusterNode, ClusterTarget, ServerOptions } from './target.js';

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

/** What was answered so long ago says nothing of a command that has had no answer: it was sent again since. */
const DOWN_FOR_MS = 10 * RESEND_DELAY_MS;

/** A connection to all masters of a Cluster, with what {@link ServerConnection} has. */
export class ClusterConnection extends Cluster {
  readonly #copies: (Redis | Cluster)[] = [];
  /** By slot. */
  readonly #forSlots = new Map<number, Cluster>();
  readonly #anyNode: ClusterNode;
  readonly #natMap: NatMap;
  /** Whether what ioredis asks `natMap` for was mapped before. */
  #isMapped = false;
  /** How long a command may take; undefined when as long as it takes. */
  readonly timeoutMs: number | undefined;
  address = '';
  lastError: Error | undefined;
  #down: { readonly error: Error; readonly atMs: number } | undefined;
  /** How often the connection to a node was lost. */
  disconnects = 0;
  readies = 0;
  onRefusal: ((code: RefusalCode) => void) | undefined;

  constructor(target: ClusterTarget, profile: ConnectionProfile) {
    super([...target.nodes], clusterOptions(target, profile));
    [this.#anyNode] = target.nodes as [ClusterNode];
    this.#natMap = target.natMap;
    if (this.#natMap !== undefined) {
      this.options.natMap = (address) => (this.#isMapped ? null : mapAddress(address, this.#natMap));
    }
    this.timeoutMs = profile.timeoutMs;
    const lost = () => {
      this.disconnects += 1;
    };
    this.on('-node', lost);
    this.on('+node', (node: Redis) => {
      guardNode(node, lost);
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
      guardNode(node, () => undefined);
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

  /**
   * ioredis 6 writes the node that a MOVED names into its map as it stands there, while it knows that node by what `natMap` makes of
   * the name; and for all slots that came in one range with this one. Each of those then seems to have no master, or another, until
   * the slots are asked for again: under load, answers that were on their way undo even that, for as long as the load lasts.
   */
  override handleError(...[error, ttl, handlers]: Parameters<Cluster['handleError']>): void {
    const { moved } = handlers as { moved: (slot: string | number, address: string) => void };
    super.handleError(error, ttl, {
      ...(handlers as object),
      moved: (slot: number, address: string) => {
        const reachable = reachableAddress(address, this.#natMap);
        this.slots[slot] = [...(this.slots[slot] ?? [])];
        this.#isMapped = true;
        try {
          moved(slot, reachable);
        } finally {
          this.#isMapped = false;
        }
      },
    });
  }

  /** Also bounds the time that a command waits for the Cluster to be found; see {@link ServerRedis.sendCommand}. */
  override sendCommand(...[command, ...rest]: Parameters<Cluster['sendCommand']>): ReturnType<Cluster['sendCommand']> {
    const { isSettled } = command as unknown as { isSettled: boolean };
    if (isSettled) {
      return command.promise;
    }
    if (this.timeoutMs !== undefined) {
      command.setTimeout(this.timeoutMs);
    }
    return super.sendCommand(command, ...rest);
  }

  /**
   * With which words the Cluster is down, if it is: each command gets this answer, which ioredis keeps to itself and sends it
   * again, until its caller has given up.
   */
  get down(): Error | undefined {
    const { error, atMs = -Infinity } = this.#down ?? {};
    return performance.now() - atMs < DOWN_FOR_MS ? error : undefined;
  }

  noteDown(error: Error): void {
    this.#down = { error, atMs: performance.now() };
  }

  masters(): Redis[] {
    return this.nodes('master');
  }

  masterOf(slot: Slot): Redis | undefined {
    const key = slot === NO_SLOT ? undefined : this.slots[slot]?.[0];
    return this.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === key);
  }

  /** The same for many slots: by the map as it is now. */
  masterFinder(): (slot: Slot) => Redis | undefined {
    const masters = new Map(this.nodes('master').map((node) => [`${node.options.host}:${node.options.port}`, node]));
    return (slot) => (slot === NO_SLOT ? undefined : masters.get(this.slots[slot]?.[0] ?? ''));
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
  profile: ConnectionProfile,
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
    maxRedirections: Math.ceil((profile.timeoutMs ?? PATIENCE_MS) / RESEND_DELAY_MS) * REDIRECTIONS_PER_RESEND,
    redisOptions: {
      socketTimeout: SILENCE_MS,
      ...redisOptions,
      ...profileOptions(profile),
    },
  };
}
