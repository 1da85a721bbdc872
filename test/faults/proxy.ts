import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { ClusterTarget } from '../../src/redis/target.js';
import { createRegistry } from '../../src/operations/registry.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { scriptKinds } from './proxy/kinds.js';
import type { CommandKind } from './proxy/kinds.js';
import { Line } from './proxy/line.js';
import type { Strike } from './proxy/line.js';

/** One of the servers behind a proxy, with the listener before it. */
interface Way {
  readonly server: Server;
  readonly redisUrl: URL;
}

/**
 * Starts a proxy on a free port of loopback before one Redis, or before each node of a Cluster.
 *
 * @param options.applyShas the SHA-1s of the scripts that count as 'apply'. @defaultValue that of Tally's script for
 * its built-in operations
 */
export async function startFaultProxy(
  redisUrl: string | readonly string[],
  { applyShas = [applyScript(createRegistry()).sha] }: { applyShas?: readonly string[] } = {},
): Promise<FaultProxy> {
  const ways = [redisUrl].flat().map(async (url): Promise<Way> => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, redisUrl: new URL(url) };
  });
  return new FaultProxy(await Promise.all(ways), scriptKinds(applyShas));
}

/** A way to Redis that fails when and how it is told to. */
export class FaultProxy {
  readonly #lines = new Set<Line>();
  readonly #strikes = new Set<Strike>();
  readonly #seen: Record<CommandKind, number> = { apply: 0, add: 0, complete: 0, settle: 0, any: 0 };
  readonly #closing = new AbortController();
  #deliveredLate = 0;
  /** How many delays and blackholes last now. */
  #holds = 0;

  /** @internal use {@link startFaultProxy} */
  constructor(
    private readonly ways: readonly Way[],
    private readonly kinds: ReadonlyMap<string, CommandKind>,
  ) {
    for (const { server, redisUrl } of ways) {
      server.on('connection', (client) => {
        this.#accept(client, redisUrl);
      });
    }
  }

  /** The URL of the Redis, with this proxy's address in it. */
  get url(): string {
    const [way] = this.ways as [Way];
    const url = new URL(way.redisUrl);
    url.hostname = '127.0.0.1';
    url.port = String(portOf(way));
    return url.href;
  }

  /** The Cluster, each of whose nodes goes by this proxy's address in place of its own. */
  get cluster(): ClusterTarget {
    const addresses = this.ways.map((way) => ({ host: '127.0.0.1', port: portOf(way) }));
    return {
      nodes: addresses,
      natMap: Object.fromEntries(this.ways.map(({ redisUrl }, place) => [redisUrl.host, addresses[place]!])),
    };
  }

  /** Connections that are open through it now. */
  get connections(): number {
    return this.#lines.size;
  }

  /** Commands forwarded so far, by kind; 'any' counts all. */
  get seen(): Readonly<Record<CommandKind, number>> {
    return this.#seen;
  }

  /** Commands that were held back and delivered later, so far. */
  get deliveredLate(): number {
    return this.#deliveredLate;
  }

  /**
   * Strikes at the next command of a kind. Of several strikes that wait, each takes a command of its own.
   *
   * @returns whether it happened: false when no such command came in time, or Redis was gone before its answer
   */
  strike(kind: CommandKind, effect: 'drop-request' | 'drop-reply', timeoutMs: number): Promise<boolean> {
    return this.#strike({ kind, effect }, timeoutMs);
  }

  /**
   * Holds the next command of a kind back, cuts its client off, and delivers it later.
   *
   * @param options.until called when it is held: it is delivered when that is over
   * @param options.holding only a command that holds all these texts
   * @returns `begun`: whether there was such a command in time; `delivered`: whether it reached Redis
   */
  hold(
    kind: CommandKind,
    options: { until: () => Promise<unknown>; timeoutMs: number; holding?: readonly string[] },
  ): { begun: Promise<boolean>; delivered: Promise<boolean> } {
    const { until, timeoutMs, holding } = options;
    let held: () => void = () => undefined;
    const isHeld = new Promise<boolean>((resolve) => {
      held = () => {
        resolve(true);
      };
    });
    const delivered = this.#strike({ kind, effect: 'hold-request', until, holding, held }, timeoutMs);
    return { begun: Promise.race([isHeld, delivered]), delivered };
  }

  /** Whether a command of a kind that holds all these texts passes within the time. */
  passes(kind: CommandKind, holding: readonly string[], timeoutMs: number): Promise<boolean> {
    return this.#strike({ kind, effect: 'watch', holding }, timeoutMs);
  }

  #strike(what: Omit<Strike, 'timer' | 'resolve'>, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#disarm(strike);
        resolve(false);
      }, timeoutMs);
      const strike: Strike = { ...what, timer, resolve };
      this.#strikes.add(strike);
    });
  }

  /** Lets nothing pass for this time, in either direction, then cuts all connections. */
  async blackhole(ms: number): Promise<void> {
    await this.#hold(ms);
    this.cut();
    this.#release();
  }

  /** Holds everything back for this time, then delivers it in order. */
  async delay(ms: number): Promise<void> {
    await this.#hold(ms);
    this.#release();
  }

  /** Ends all connections at once; new ones work. */
  cut(): void {
    this.#eachSocket((socket) => socket.destroy());
  }

  /** Ends the proxy with all its connections, and all faults that wait or last. */
  async close(): Promise<void> {
    const closed = this.ways.map(({ server }) => new Promise((resolve) => server.close(resolve)));
    this.#closing.abort();
    for (const strike of this.#strikes) {
      this.#disarm(strike);
      strike.resolve(false);
    }
    this.cut();
    await Promise.all([...closed, ...Array.from(this.#lines, (line) => line.closed)]);
  }

  #accept(client: Socket, { hostname, port }: URL): void {
    const redis = connect(Number(port || 6379), hostname);
    const line = new Line(client, redis, {
      kinds: this.kinds,
      strikeAt: (kind, bytes) => this.#takeStrike(kind, bytes),
      forwarded: (kind) => {
        this.#count(kind);
      },
      deliveredLate: (count) => {
        this.#deliveredLate += count;
      },
    });
    this.#lines.add(line);
    void line.closed.then(() => this.#lines.delete(line));
    if (this.#holds > 0) {
      client.pause();
      redis.pause();
    }
  }

  #count(kind: CommandKind): void {
    this.#seen.any += 1;
    if (kind !== 'any') {
      this.#seen[kind] += 1;
    }
  }

  #takeStrike(kind: CommandKind, bytes: Buffer): Strike | undefined {
    const strike = [...this.#strikes].find(
      (it) => (it.kind === 'any' || it.kind === kind) && (it.holding ?? []).every((text) => bytes.includes(text)),
    );
    if (strike !== undefined) {
      this.#disarm(strike);
    }
    if (strike?.effect === 'watch') {
      strike.resolve(true);
      return undefined;
    }
    return strike;
  }

  #disarm(strike: Strike): void {
    clearTimeout(strike.timer);
    this.#strikes.delete(strike);
  }

  async #hold(ms: number): Promise<void> {
    this.#holds += 1;
    this.#eachSocket((socket) => socket.pause());
    await wait(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined); // closed meanwhile
  }

  #release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) {
      this.#eachSocket((socket) => socket.resume());
    }
  }

  #eachSocket(act: (socket: Socket) => void): void {
    for (const { client, redis } of this.#lines) {
      act(client);
      act(redis);
    }
  }
}

function portOf({ server }: Way): number {
  return (server.address() as AddressInfo).port;
}
