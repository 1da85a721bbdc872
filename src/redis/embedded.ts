import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { ConfigurationError } from '../errors.js';
import { Redis } from './ioredis.js';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;

/**
 * Runs the server in place of this shell, beside a watcher that reads from a pipe which this process holds. The end of the pipe
 * is the end of this process, however it came: then the watcher stops the server in order. A line tells it to go first.
 */
const WATCHED = `(read -r _ <&3 || kill "$$") & exec "$@" 3<&-`;

/** A private Redis: a real `redis-server` or `valkey-server`, on loopback, with the append-only file on. */
export interface EmbeddedRedis {
  readonly url: string;
  readonly pid: number;
  /** Resolves when the server ends by itself, with the reason. */
  readonly ended: Promise<string>;
  /** Stops the server after it has written everything to its files. When this process is killed, it stops by itself. */
  stop(): Promise<void>;
}

export interface EmbeddedRedisOptions {
  /** Folder for the append-only file. It is made when missing. */
  readonly dataDir: string;
  /** Port on 127.0.0.1. @defaultValue a free one */
  readonly port?: number;
  /** What its clients have to know; it stands in a file that this user alone can read, not among the arguments. @defaultValue none */
  readonly password?: string;
  /** Further settings as arguments of redis-server, e.g. `['--maxmemory', '8mb']`. */
  readonly settings?: readonly string[];
  /** Further variables of its environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Called as soon as the server process exists, before it answers. */
  readonly onSpawn?: (server: { url: string; pid: number }) => void;
}

/**
 * Starts a Redis for this program alone.
 *
 * @throws ConfigurationError when no server program is on the PATH, or it does not start
 */
export async function startEmbeddedRedis({
  dataDir,
  port,
  password,
  settings = [],
  environment,
  onSpawn,
}: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const program = findServerProgram();
  if (program === undefined) {
    throw new ConfigurationError(
      'neither redis-server nor valkey-server is on the PATH: install one (Debian: apt-get install redis-server, macOS: brew install redis), or set REDIS_URL to a server of yours',
    );
  }
  mkdirSync(dataDir, { recursive: true });
  const chosenPort = port ?? (await freePort());
  const file = password === undefined ? [] : [writeSettings(dataDir, password)];
  const command = [program, ...file, ...serverArguments(dataDir, chosenPort), ...settings];
  const server = spawn('sh', ['-c', WATCHED, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    detached: true, // Ctrl-C must stop the program first, then the server
  });
  const watcher = server.stdio[3] as Writable;
  watcher.on('error', () => undefined); // it may be gone
  server.once('exit', () => watcher.end('\n')); // the server's number may be another process' by now
  const output = collectOutput(server);
  const ended = once(server, 'exit').then(
    ([code, signal]) => `${program} ended (${String(signal ?? code)}): ${output()}`,
  );
  const url = `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${chosenPort}`;
  const pid = server.pid ?? 0;
  onSpawn?.({ url, pid });
  try {
    await waitUntilReady(url, ended);
  } catch (error) {
    await stopServer(server, ended);
    throw error;
  }
  return { url, pid, ended, stop: () => stopServer(server, ended) };
}

/** @returns the path of the file, where other users of this machine can't read the password */
function writeSettings(dataDir: string, password: string): string {
  const file = resolve(dataDir, 'redis.conf');
  rmSync(file, { force: true });
  writeFileSync(file, `requirepass ${password}\n`, { mode: 0o600 });
  return file;
}

/** The first of the two server programs that runs here. */
function findServerProgram(): string | undefined {
  return ['redis-server', 'valkey-server'].find((program) => spawnSync(program, ['--version']).status === 0);
}

function serverArguments(dataDir: string, port: number): string[] {
  return [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', resolve(dataDir)],
    ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''],
    ...['--maxmemory-policy', 'noeviction', '--daemonize', 'no'],
  ];
}

/** Keeps the last lines that the server printed, for error messages. */
function collectOutput(server: ChildProcess): () => string {
  let text = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-2_000);
    });
  }
  return () => text.trim().split('\n').slice(-5).join('\n');
}

async function waitUntilReady(url: string, ended: Promise<string>): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
  redis.on('error', () => undefined);
  let timer: NodeJS.Timeout | undefined;
  const failure = Promise.race([
    ended,
    new Promise<string>((resolveLate) => {
      timer = setTimeout(
        resolveLate,
        START_TIMEOUT_MS,
        `no answer on ${new URL(url).host} within ${START_TIMEOUT_MS} ms`,
      );
    }),
  ]).then((reason) => {
    throw new ConfigurationError(`the embedded Redis did not start: ${reason}`);
  });
  try {
    await Promise.race([redis.ping(), failure]);
  } finally {
    failure.catch(() => undefined);
    clearTimeout(timer);
    redis.disconnect();
  }
}

async function stopServer(server: ChildProcess, ended: Promise<string>): Promise<void> {
  server.kill('SIGTERM');
  const timer = setTimeout(() => server.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

/** Whether nothing listens on this port of 127.0.0.1. */
export async function isFree(port: number): Promise<boolean> {
  try {
    await freePort(port);
    return true;
  } catch {
    return false;
  }
}

/** A port on 127.0.0.1 that nothing listens on: this one, or any. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer().listen(wanted, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
