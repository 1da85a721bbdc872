import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { endWithSupervisor } from '../../faults/end-with-supervisor.js';
import { isInstalled } from './installed.js';
import { untilWell } from './until-well.js';

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 10_000;
const COMMAND_TIMEOUT_MS = 10_000;

interface ServerProcessOptions {
  /** `redis-server` or `valkey-server`. */
  readonly program: string;
  /** Arguments of the program, the same at each start. */
  readonly commandLine: readonly string[];
  readonly port: number;
  /** For the connection of `run`, e.g. a password. */
  readonly connection?: Omit<RedisOptions, 'replyMapping'>;
}

interface Running {
  readonly child: ChildProcess;
  /** Resolves with the reason when the process ends. */
  readonly ended: Promise<string>;
  readonly connection: Redis;
}

/** One server that can die and start again on the same port with the same files. */
export class ServerProcess {
  readonly #options: ServerProcessOptions;
  #running: Running | undefined;

  constructor(options: ServerProcessOptions) {
    this.#options = options;
  }

  get port(): number {
    return this.#options.port;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** The process that runs now. */
  pid(): number {
    return this.#now().child.pid ?? 0;
  }

  /** The connection that `run` uses. It ends with the process; after a start there is a new one. */
  get connection(): Redis {
    return this.#now().connection;
  }

  /** Sends one command to this server, whatever it serves, and returns the reply. */
  run(command: string, ...args: (string | number | Buffer)[]): Promise<unknown> {
    return this.connection.call(command, args);
  }

  /** Starts it, unless it runs, and waits until it answers. */
  async start(): Promise<void> {
    if (this.#running !== undefined) {
      return;
    }
    const running = this.#spawn();
    this.#running = running;
    void running.ended.then(() => {
      running.connection.disconnect();
      this.#running = undefined;
    });
    try {
      await untilWell(START_TIMEOUT_MS, async () => {
        if (this.#running !== running) {
          throw new Error(`a server did not start: ${await running.ended}`);
        }
        return running.connection.ping().then(
          () => undefined,
          (error: unknown) => `${this.#options.program} on port ${this.port} does not answer: ${String(error)}`,
        );
      });
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const running = this.#running;
    running?.child.kill('SIGKILL');
    await running?.ended;
  }

  /** Lets it shut down in order. */
  async stop(): Promise<void> {
    const running = this.#running;
    running?.child.kill('SIGTERM');
    const timer = setTimeout(() => running?.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await running?.ended;
    clearTimeout(timer);
  }

  #now(): Running {
    if (this.#running === undefined) {
      throw new Error(`the server on port ${this.port} is down: start() it first`);
    }
    return this.#running;
  }

  #spawn(): Running {
    const { program, commandLine, port, connection } = this.#options;
    const [file, ...args] = [...dieWithParent(), program, ...commandLine];
    const child = spawn(file ?? program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // Ctrl-C must stop the tests first, then their servers
    });
    const output = collectOutput(child);
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => {
        resolve(`${program}: ${error.message}`);
      });
      child.once('exit', (code, signal) => {
        resolve(`${program} on port ${port} ended (${signal ?? code ?? 'unknown'}): ${output()}`);
      });
    });
    if (child.pid !== undefined) {
      void ended.then(endWithSupervisor(child.pid));
    }
    return { child, ended, connection: connect({ ...connection, port }) };
  }
}

/** Linux ends the server even when this process is killed; elsewhere it is ended when this process exits. */
function dieWithParent(): string[] {
  return isInstalled('setpriv') ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [];
}

/** A connection that gives up 5 s after the server has gone. */
function connect(options: Omit<RedisOptions, 'replyMapping'>): Redis {
  const redis = new Redis({
    host: '127.0.0.1',
    protocol: 2,
    enableReadyCheck: false,
    maxRetriesPerRequest: 1,
    commandTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: (attempt) => (attempt <= 100 ? 50 : null),
    ...options,
  });
  redis.on('error', () => undefined);
  return redis;
}

/** Keeps the last lines that the server printed, for error messages. */
function collectOutput(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-2_000);
    });
  }
  return () => text.trim().split('\n').slice(-5).join('\n');
}
