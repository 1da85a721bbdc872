import { copyFileSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import type { EmbeddedRedis } from '../../src/redis/embedded.js';
import { endWithSupervisor } from './end-with-supervisor.js';

/** The redis-server of a run, on one port however often it dies. */
export class Server {
  #running: EmbeddedRedis | undefined;

  private constructor(
    private readonly dataDir: string,
    first: EmbeddedRedis,
  ) {
    this.#running = first;
    this.url = first.url;
  }

  readonly url: string;

  static async start(dataDir: string): Promise<Server> {
    return new Server(dataDir, await startServer({ dataDir }));
  }

  get isUp(): boolean {
    return this.#running !== undefined;
  }

  /** Ends it as a crash of the machine's process would: nothing is written any more. */
  async kill(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) {
      process.kill(running.pid, 'SIGKILL');
      await running.ended;
    }
  }

  /** Starts it again from what its append-only file holds. */
  async restart(): Promise<void> {
    const port = Number(new URL(this.url).port);
    this.#running ??= await startServer({ dataDir: this.dataDir, port });
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  /** Bytes in the append-only file. */
  aofBytes(): number {
    return statSync(this.#aof()).size;
  }

  /** Takes off the end of the append-only file, as a crash of the whole machine does. Only while it is down. */
  cutAof(bytes: number): void {
    copyFileSync(this.#aof(), `${this.#aof()}.before-cut`);
    truncateSync(this.#aof(), bytes);
  }

  #aof(): string {
    const folder = join(this.dataDir, 'appendonlydir');
    const file = readdirSync(folder).find((name) => name.endsWith('.incr.aof'));
    if (file === undefined) {
      throw new Error(`there is no append-only file in ${folder}: run it with Redis 7 or later, or Valkey`);
    }
    return join(folder, file);
  }
}

async function startServer(options: { readonly dataDir: string; readonly port?: number }): Promise<EmbeddedRedis> {
  const server = await startEmbeddedRedis({ ...options, settings: SETTINGS });
  void server.ended.then(endWithSupervisor(server.pid));
  return server;
}

/**
 * One append-only file for all that happens, with the time of each command, so that it can be cut and read.
 *
 * With `everysec` Redis answers before it writes while a sync is under way on a busy disk, for up to 2 s: a server that is
 * killed then has lost what it acknowledged. With `no` it writes before it answers and leaves syncing to the system,
 * which does not crash here: so kill -9 loses nothing, and only a cut does.
 */
const SETTINGS = [
  ...['--appendfsync', 'no'],
  ...['--auto-aof-rewrite-percentage', '0'],
  ...['--aof-load-truncated', 'yes', '--aof-timestamp-enabled', 'yes'],
];
