import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../topology/free-ports.js';
import { isInstalled } from '../topology/installed.js';
import { ServerProcess } from '../topology/server-process.js';
import { clockShim } from '../../../src/testing/clock-shim.js';

/** The wall clock of a server. Its monotonic clock is always right, as that of a machine whose clock somebody sets. */
export interface ServerClock {
  /** By how much it is ahead of the right time; behind, if negative. */
  readonly offsetMs: number;
  /** Sets it so far ahead of the right time, or behind; 0 makes it right. It counts at once, also after a restart. */
  set(offsetMs: number): void;
  /** Moves it forward from where it is, or back, if negative. */
  advance(ms: number): void;
}

/** A Redis of one test, with the append-only file on, whose clock the test moves. */
export interface RedisWithClock {
  readonly url: string;
  readonly clock: ServerClock;
  readonly isRunning: boolean;
  /** The process that runs now. */
  pid(): number;
  /** Sends one command over a connection that nothing else uses. */
  run(command: string, ...args: string[]): Promise<unknown>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Starts it again on its port, with what its append-only file holds. Does nothing while it runs. */
  restart(): Promise<void>;
  /** Lets it shut down in order, and removes its folder, unless that was given. */
  stop(): Promise<void>;
}

export interface RedisWithClockOptions {
  /** Where its append-only file goes. @defaultValue a folder of its own, which is removed when it stops */
  readonly dataDir?: string;
  /** Further settings as arguments of redis-server, e.g. `['--maxmemory', '8mb']`. */
  readonly settings?: readonly string[];
}

const CAN_MOVE = process.platform === 'linux';

/** What its own connection is called in CLIENT LIST. */
export const WATCH_CONNECTION = 'redis-with-clock';

/**
 * Starts a Redis on a free port of loopback. Its clock can be moved on Linux only, by a library that is loaded into it.
 */
export async function startRedisWithClock(options: RedisWithClockOptions = {}): Promise<RedisWithClock> {
  const ownDir = mkdtempSync(join(tmpdir(), 'tally-redis-clock-'));
  const dataDir = options.dataDir ?? join(ownDir, 'data');
  mkdirSync(dataDir, { recursive: true });
  const clockFile = join(ownDir, 'clock');
  const clock = createClock(clockFile);
  const [port = 0] = await freePorts(1);
  const server = new ServerProcess({
    program: 'env', // replaces itself by the server, so that the process is the same
    commandLine: [
      ...(CAN_MOVE ? [`LD_PRELOAD=${clockShim()}`, `CLOCK_SHIM_FILE=${clockFile}`] : []),
      ...[isInstalled('redis-server') ? 'redis-server' : 'valkey-server', '--port', String(port)],
      ...['--bind', '127.0.0.1', '--dir', dataDir, '--daemonize', 'no'],
      ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '', '--maxmemory-policy', 'noeviction'],
      ...(options.settings ?? []),
    ],
    port,
    connection: { connectionName: WATCH_CONNECTION },
  });
  const remove = () => {
    rmSync(ownDir, { recursive: true, force: true });
  };
  await server.start().catch((error: unknown) => {
    remove();
    throw error;
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    clock,
    get isRunning() {
      return server.isRunning;
    },
    pid: () => server.pid(),
    run: (command, ...args) => server.run(command, ...args),
    kill: () => server.kill(),
    restart: () => server.start(),
    stop: async () => {
      await server.stop();
      remove();
    },
  };
}

/** A clock whose offset stands in this file, see `clock-shim.c`. */
function createClock(file: string): ServerClock {
  let offset = 0;
  writeFileSync(file, new Uint8Array(BigInt64Array.BYTES_PER_ELEMENT));
  const set = (offsetMs: number) => {
    if (!CAN_MOVE) {
      throw new Error(`the clock of a server can be moved on Linux only, and this is ${process.platform}`);
    }
    offset = Math.round(offsetMs);
    const opened = openSync(file, 'r+'); // not written anew: the server has mapped this very file
    writeSync(opened, BigInt64Array.of(BigInt(offset)), 0, BigInt64Array.BYTES_PER_ELEMENT, 0);
    closeSync(opened);
  };
  return {
    get offsetMs() {
      return offset;
    },
    set,
    advance: (ms) => {
      set(offset + ms);
    },
  };
}
