import { hostname } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { z } from 'zod';
import type { Store } from '../layout/store.js';
import { VERSION } from '../lib/version.js';
import type { RedisClient } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { readClockOffset } from '../redis/server-time.js';

/** How often a process says that it is there. */
const EVERY_MS = 15_000;

/** How often it looks whether its event loop is held up; that much of each delay is none. */
const LOOP_RESOLUTION_MS = 50;

/** One that has not said so for longer is gone. */
const GONE_MS = 60_000;

/** Its entry is removed after this. */
const FORGET_MS = 3_600_000;

const processSchema = z.looseObject({
  /** What it is: `worker`, `api`, `dashboard`, `up`. */
  role: z.string(),
  host: z.string(),
  pid: z.int(),
  /** Of Tally. */
  version: z.string(),
  startedAtMs: z.number(),
  memoryBytes: z.number(),
  /** How far Redis' clock is ahead of that of its machine. */
  clockOffsetMs: z.number(),
  /** For how long its event loop was held up, in ms: 99 % of the times since it said so before were shorter. Absent in what older versions say. */
  eventLoopDelayMs: z.number().optional(),
  /** Of an API, requests within the last five minutes. */
  answered: z.object({ requests: z.int(), failed: z.int(), turnedAway: z.int() }).optional().catch(undefined),
  /** When it said so, in ms of Redis' time. */
  atMs: z.number(),
});

/** A process of Tally that is connected to this Redis, as it has described itself. */
export type ConnectedProcess = z.output<typeof processSchema>;

/** By which a process is known among the others. A container that is started again may have the name that the one before had. */
export function processField(role: string): string {
  return `${hostname()}:${process.pid}:${role}`;
}

/** Says in Redis that this process is there, until it is closed. */
export class Announcement {
  readonly #timer: NodeJS.Timeout;
  readonly #startedAtMs = Date.now() - performance.now();
  readonly #eventLoop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  #isFirst = true;
  #isUnderWay = false;

  constructor(
    private readonly store: Pick<Store, 'redis' | 'keys' | 'logger'>,
    private readonly role: string,
    /** What it says of itself beside what all say. */
    private readonly more: () => object = () => ({}),
  ) {
    this.#eventLoop.enable();
    this.#timer = setInterval(() => {
      this.say();
    }, EVERY_MS);
    this.#timer.unref();
    this.say();
  }

  /** Says so now, unless Redis has not answered the time before. */
  say(): void {
    if (!this.#isUnderWay) {
      this.#isUnderWay = true;
      void this.#announce().finally(() => {
        this.#isUnderWay = false;
      });
    }
  }

  async #announce(): Promise<void> {
    const { redis, keys, logger } = this.store;
    try {
      const clockOffsetMs = await readClockOffset(redis);
      const described: ConnectedProcess = {
        ...this.more(),
        role: this.role,
        host: hostname(),
        pid: process.pid,
        version: VERSION,
        startedAtMs: this.#startedAtMs,
        memoryBytes: process.memoryUsage.rss(),
        eventLoopDelayMs: Math.max(0, this.#eventLoop.percentile(99) / 1e6 - LOOP_RESOLUTION_MS),
        clockOffsetMs,
        atMs: Date.now() + clockOffsetMs,
      };
      this.#eventLoop.reset();
      await redis.hset(keys.processes, processField(this.role), JSON.stringify(described));
      if (this.#isFirst) {
        this.#isFirst = false;
        await forgetOld(redis, keys, described.atMs);
      }
    } catch (error) {
      logger.debug({ err: error }, 'could not say in Redis that this process is there');
    }
  }

  /** Whoever is killed is gone after a minute. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#eventLoop.disable();
    const { redis, keys } = this.store;
    if (redis.status === 'ready') {
      await redis.hdel(keys.processes, processField(this.role)).catch(() => undefined);
    }
  }
}

/** The processes that are connected, by host and role. @param nowMs Redis' time */
export async function readProcesses(
  redis: Pick<RedisClient, 'hgetall'>,
  keys: Pick<Keys, 'processes'>,
  nowMs: number,
): Promise<ConnectedProcess[]> {
  const all = await readAll(redis, keys);
  return all
    .flatMap(({ described }) => (described !== undefined && nowMs - described.atMs < GONE_MS ? [described] : []))
    .sort((one, other) =>
      `${one.host} ${one.role} ${one.pid}`.localeCompare(`${other.host} ${other.role} ${other.pid}`),
    );
}

async function forgetOld(redis: Pick<RedisClient, 'hgetall' | 'hdel'>, keys: Keys, nowMs: number): Promise<void> {
  const old = (await readAll(redis, keys)).filter(
    ({ described }) => described === undefined || nowMs - described.atMs > FORGET_MS,
  );
  if (old.length > 0) {
    await redis.hdel(keys.processes, ...old.map(({ field }) => field));
  }
}

async function readAll(redis: Pick<RedisClient, 'hgetall'>, { processes }: Pick<Keys, 'processes'>) {
  return Object.entries(await redis.hgetall(processes)).map(([field, text]) => {
    return { field, described: readDescribed(text) };
  });
}

/** @returns undefined for what a newer version wrote in another form, or somebody else */
function readDescribed(text: string): ConnectedProcess | undefined {
  try {
    return processSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
