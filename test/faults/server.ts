import { copyFileSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startRedisWithClock } from '../support/redis-clock/redis-with-clock.js';
import type { RedisWithClock, ServerClock } from '../support/redis-clock/redis-with-clock.js';

/** The redis-server of a run, on one port however often it dies. */
export class Server {
  #pauses = 0;

  private constructor(
    private readonly dataDir: string,
    private readonly redis: RedisWithClock,
  ) {}

  static async start(dataDir: string): Promise<Server> {
    return new Server(dataDir, await startRedisWithClock({ dataDir, settings: SETTINGS }));
  }

  get url(): string {
    return this.redis.url;
  }

  get isUp(): boolean {
    return this.redis.isRunning;
  }

  get clock(): ServerClock {
    return this.redis.clock;
  }

  /** Whether clients are held back: for as long as its clock says, so for hours if that is set back by hours meanwhile. */
  get isPaused(): boolean {
    return this.#pauses > 0;
  }

  /** Holds back what clients send, for this time. */
  async pause(ms: number, what: 'ALL' | 'WRITE'): Promise<void> {
    this.#pauses += 1;
    try {
      await this.redis.run('CLIENT', 'PAUSE', String(ms), what);
      await wait(ms);
    } finally {
      this.#pauses -= 1;
    }
  }

  /** Ends it as a crash of the machine's process would: nothing is written any more. */
  kill(): Promise<void> {
    return this.redis.kill();
  }

  /** Starts it again from what its append-only file holds. */
  restart(): Promise<void> {
    return this.redis.restart();
  }

  stop(): Promise<void> {
    return this.redis.stop();
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
