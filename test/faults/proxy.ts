import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createRegistry } from '../../src/operations/registry.js';
import { applyScript, settleScript } from '../../src/redis/scripts.js';

/**
 * The commands that a fault can wait for: the script that applies updates, BullMQ's scripts that add a job and that
 * complete or fail one, the script that settles jobs, or any command at all.
 */
export type CommandKind = 'apply' | 'add' | 'complete' | 'settle' | 'any';

/**
 * What a strike does. 'drop-request': the command and all behind it on its connection never reach Redis, and the
 * connection is cut. 'drop-reply': the command reaches Redis and runs, but from then on the client hears nothing, and
 * the connection is cut once Redis is done with it. Within a transaction that is after EXEC, since nothing runs before.
 */
export type StrikeEffect = 'drop-request' | 'drop-reply';

/**
 * Starts a proxy on a free port of loopback before one Redis.
 *
 * @param options.applyShas the SHA-1s of the scripts that count as 'apply'. @defaultValue that of Tally's script for
 * its built-in operations
 */
export async function startFaultProxy(
  redisUrl: string,
  { applyShas = [applyScript(createRegistry()).sha] }: { applyShas?: readonly string[] } = {},
): Promise<FaultProxy> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new FaultProxy(server, new URL(redisUrl), scriptKinds(applyShas));
}

/** A way to Redis that fails when and how it is told to. */
export class FaultProxy {
  readonly #lines = new Set<Line>();
  readonly #strikes = new Set<Strike>();
  readonly #seen: Record<CommandKind, number> = { apply: 0, add: 0, complete: 0, settle: 0, any: 0 };
  readonly #closing = new AbortController();
  /** How many delays and blackholes last now. */
  #holds = 0;

  /** @internal use {@link startFaultProxy} */
  constructor(
    private readonly server: Server,
    private readonly redisUrl: URL,
    private readonly kinds: ReadonlyMap<string, CommandKind>,
  ) {
    server.on('connection', (client) => {
      this.#accept(client);
    });
  }

  /** The URL of the Redis, with this proxy's address in it. */
  get url(): string {
    const url = new URL(this.redisUrl);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** Connections that are open through it now. */
  get connections(): number {
    return this.#lines.size;
  }

  /** Commands forwarded so far, by kind; 'any' counts all. */
  get seen(): Readonly<Record<CommandKind, number>> {
    return this.#seen;
  }

  /**
   * Strikes at the next command of a kind. Of several strikes that wait, each takes a command of its own.
   *
   * @returns whether it happened: false when no such command came in time, or Redis was gone before its answer
   */
  strike(kind: CommandKind, effect: StrikeEffect, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#disarm(strike);
        resolve(false);
      }, timeoutMs);
      const strike: Strike = { kind, effect, timer, resolve };
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
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.#closing.abort();
    for (const strike of this.#strikes) {
      this.#disarm(strike);
      strike.resolve(false);
    }
    this.cut();
    await Promise.all([closed, ...Array.from(this.#lines, (line) => line.closed)]);
  }

  #accept(client: Socket): void {
    const { hostname, port } = this.redisUrl;
    const redis = connect(Number(port || 6379), hostname);
    const line = new Line(client, redis, {
      kinds: this.kinds,
      strikeAt: (kind) => this.#takeStrike(kind),
      forwarded: (kind) => {
        this.#count(kind);
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

  #takeStrike(kind: CommandKind): Strike | undefined {
    const strike = [...this.#strikes].find((it) => it.kind === 'any' || it.kind === kind);
    if (strike !== undefined) {
      this.#disarm(strike);
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

interface Strike {
  readonly kind: CommandKind;
  readonly effect: StrikeEffect;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (happened: boolean) => void;
}

/** One client's connection and the one to Redis that stands behind it. */
class Line {
  /** Resolves when both ends are closed. */
  readonly closed: Promise<unknown>;
  readonly #reader = new CommandReader();
  #struckBy: Strike | undefined;
  #inTransaction = false;

  constructor(
    readonly client: Socket,
    readonly redis: Socket,
    private readonly deps: {
      readonly kinds: ReadonlyMap<string, CommandKind>;
      /** The strike that this command sets off, if any. */
      readonly strikeAt: (kind: CommandKind) => Strike | undefined;
      readonly forwarded: (kind: CommandKind) => void;
    },
  ) {
    for (const socket of [client, redis]) {
      socket.setNoDelay();
      socket.on('error', () => undefined); // 'close' follows
    }
    this.closed = Promise.all([client, redis].map((socket) => new Promise((resolve) => socket.on('close', resolve))));
    client.on('data', (chunk) => {
      this.#forward(chunk);
    });
    redis.on('data', (reply) => {
      if (this.#struckBy === undefined) {
        client.write(reply);
      }
    });
    client.on('close', () => redis.end());
    redis.on('close', () => {
      this.#struckBy?.resolve(false); // of no effect if it happened
      client.end();
    });
  }

  #forward(chunk: Buffer): void {
    if (!this.redis.writable) {
      return; // struck, or Redis is gone
    }
    this.redis.cork();
    for (const command of this.#reader.read(chunk)) {
      const name = command.words[0]?.toString().toLowerCase() ?? '';
      const kind = this.deps.kinds.get(scriptSha(name, command)) ?? 'any';
      this.#struckBy ??= this.deps.strikeAt(kind);
      if (this.#struckBy?.effect === 'drop-request') {
        break;
      }
      this.redis.write(command.bytes);
      this.deps.forwarded(kind);
      this.#inTransaction = name === 'multi' || (this.#inTransaction && name !== 'exec' && name !== 'discard');
    }
    this.redis.uncork();
    if (this.#struckBy !== undefined) {
      this.#carryOut(this.#struckBy);
    }
  }

  #carryOut({ effect, resolve }: Strike): void {
    if (effect === 'drop-request') {
      this.client.destroy();
      resolve(true);
    } else if (!this.#inTransaction) {
      // Redis runs all that it was sent before it closes its end.
      this.redis.end();
      this.redis.on('end', () => {
        resolve(true);
      });
    }
  }
}

/** A command of a client: its bytes as they came, and the words in them. */
interface Command {
  readonly bytes: Buffer;
  readonly words: readonly Buffer[];
}

/** Splits what a client sends into commands, see https://redis.io/docs/latest/develop/reference/protocol-spec/. */
class CommandReader {
  #begun: Buffer = Buffer.alloc(0);

  /** The commands that are whole with this chunk; one that is not waits for the next. */
  read(chunk: Buffer): Command[] {
    const bytes = Buffer.concat([this.#begun, chunk]);
    const commands: Command[] = [];
    let offset = 0;
    for (let next = commandAt(bytes, 0); next !== undefined; next = commandAt(bytes, offset)) {
      commands.push(next);
      offset += next.bytes.length;
    }
    this.#begun = bytes.subarray(offset);
    return commands;
  }
}

function commandAt(bytes: Buffer, start: number): Command | undefined {
  const head = lineAt(bytes, start);
  if (head === undefined) {
    return undefined;
  }
  if (!head.text.startsWith('*')) {
    return { bytes: bytes.subarray(start, head.end), words: head.text.split(' ').map((word) => Buffer.from(word)) };
  }
  const words: Buffer[] = [];
  let { end } = head;
  for (let left = Number(head.text.slice(1)); left > 0; left -= 1) {
    const length = lineAt(bytes, end);
    if (length === undefined) {
      return undefined;
    }
    const wordEnd = length.end + Number(length.text.slice(1));
    end = wordEnd + '\r\n'.length;
    if (end > bytes.length) {
      return undefined;
    }
    words.push(bytes.subarray(length.end, wordEnd));
  }
  return { bytes: bytes.subarray(start, end), words };
}

function lineAt(bytes: Buffer, start: number): { text: string; end: number } | undefined {
  const end = bytes.indexOf('\r\n', start);
  return end === -1 ? undefined : { text: bytes.toString('latin1', start, end), end: end + '\r\n'.length };
}

/** The SHA-1 of the script that a command runs, if any. A client not sure that Redis has it sends its text. */
function scriptSha(name: string, { words: [, script = Buffer.alloc(0)] }: Command): string {
  return name === 'eval' ? sha1(script) : name === 'evalsha' ? script.toString().toLowerCase() : '';
}

function sha1(text: string | Buffer): string {
  return createHash('sha1').update(text).digest('hex');
}

/** The scripts of BullMQ that have a kind, by their names there. */
const BULLMQ_SCRIPTS: Readonly<Record<string, CommandKind>> = {
  addStandardJob: 'add',
  addDelayedJob: 'add',
  addPrioritizedJob: 'add',
  addParentJob: 'add',
  moveToFinished: 'complete',
};

/** What scripts are for, by their SHA-1s. */
function scriptKinds(applyShas: readonly string[]): Map<string, CommandKind> {
  const kinds = new Map<string, CommandKind>([[settleScript().sha, 'settle']]);
  for (const sha of applyShas) {
    kinds.set(sha, 'apply');
  }
  // BullMQ does not export its scripts, and only their CommonJS files load in Node.
  const scripts = createRequire(import.meta.url)('bullmq/dist/cjs/scripts') as Record<string, { content: string }>;
  for (const [name, kind] of Object.entries(BULLMQ_SCRIPTS)) {
    const script = scripts[name];
    if (script === undefined) {
      throw new Error(`this version of BullMQ has no script "${name}"; see which one it uses now`);
    }
    kinds.set(sha1(script.content), kind);
  }
  return kinds;
}
