import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { countByKind } from '../metrics/update-counters.js';
import {
  decodeWorker,
  HOT_KEPT,
  HOT_KEPT_SECONDS,
  hotKey,
  latencyClass,
  ORDERS,
  PULSE_EVERY_MS,
  RATE_UNITS,
  ratesKey,
} from '../metrics/pulse-form.js';
import type { RateUnit, WorkerFacts, WorkerOrder } from '../metrics/pulse-form.js';
import { decodeFailure, decodeRecord } from '../jobs/form.js';
import { settledRecord } from '../jobs/queues.js';
import type { Store } from '../layout/store.js';
import { joinOutcomes } from '../operations/outcome.js';
import { refusalOf } from '../redis/refusal.js';
import type { TallyJob } from './attempt.js';
import { HotKeys } from './hot-keys.js';

/** Told of each time. */
const HOT_TOLD = 20;

/** How often those are taken off that went without a word. */
const TIDY_EVERY = 60;
const TIDY_AFTER_MS = 3600_000;

interface PulseDeps extends Pick<Store, 'redis' | 'keys' | 'clock' | 'logger'> {
  readonly queues: () => readonly string[];
  readonly concurrency: number;
  readonly running: () => number;
  readonly isQuiet: () => boolean;
  /** What an operator has told this worker. */
  readonly obey: (order: WorkerOrder) => void;
}

/**
 * Tells the overview of the dashboard every few seconds that this worker lives, and what it did since: outcomes by kind, how long
 * updates took, which keys they changed most. Some 60 small commands in 5 s, however many jobs there were.
 */
export class Pulse {
  readonly #id = `${process.pid}-${randomBytes(4).toString('hex')}`;
  readonly #startedAtMs = Date.now();
  readonly #counts = new Map<string, number>();
  /** Updates by the minute in which they were added. */
  readonly #added = new Map<number, number>();
  readonly #hot = new HotKeys();
  #timer: NodeJS.Timeout | undefined;
  #beats = 0;
  #beating = false;

  constructor(private readonly deps: PulseDeps) {}

  start(): void {
    this.#timer = setInterval(() => void this.#beat(), PULSE_EVERY_MS);
    this.#timer.unref();
    void this.#beat();
  }

  /** Counts a job that was completed, unless it had been before. */
  completed(job: TallyJob, record: string): void {
    if (settledRecord(job.progress) !== undefined) {
      return;
    }
    const { updates } = job.data;
    for (const [kind, count] of Object.entries(countByKind(joinOutcomes(decodeRecord(record)?.outcomes ?? [])))) {
      this.#count(kind, count);
    }
    const { timestamp, finishedOn = timestamp, opts } = job;
    const latencyMs = Math.max(0, finishedOn - timestamp - (opts.delay ?? 0));
    this.#count(`latency-${latencyClass(latencyMs)}`, updates.length);
    const minute = Math.floor(timestamp / RATE_UNITS.minute.lengthMs);
    this.#added.set(minute, (this.#added.get(minute) ?? 0) + updates.length);
    this.#hot.count(updates);
  }

  /** Counts a job that failed for good. */
  failed(job: TallyJob): void {
    const { updates } = (job.data as { updates?: unknown } | null) ?? {};
    this.#count(decodeFailure(job.failedReason).status, Array.isArray(updates) ? updates.length : 1);
  }

  /** Says that this worker is gone. */
  async end(): Promise<void> {
    const { redis, keys, clock } = this.deps;
    this.#stop();
    if (clock.isKnown) {
      await this.#tell(clock.latestAt(performance.now()));
    }
    await Promise.all([redis.hdel(keys.workers, this.#id), redis.hdel(keys.workerOrders, this.#id)]);
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #count(field: string, count: number): void {
    if (count > 0) {
      this.#counts.set(field, (this.#counts.get(field) ?? 0) + count);
    }
  }

  async #beat(): Promise<void> {
    if (this.#beating) {
      return; // Redis takes its time
    }
    this.#beating = true;
    try {
      await this.#tell(this.deps.clock.latestAt(performance.now()));
    } catch (error) {
      this.#giveUpIfForbidden(error as Error, this.deps.logger);
    } finally {
      this.#beating = false;
    }
  }

  async #tell(nowMs: number): Promise<void> {
    const { redis, keys } = this.deps;
    const counts = [...this.#counts];
    const added = [...this.#added];
    this.#counts.clear();
    this.#added.clear();
    const hot = this.#hot.take(HOT_TOLD);
    const units = Object.keys(RATE_UNITS) as RateUnit[];
    const [order] = await Promise.all([
      redis.hget(keys.workerOrders, this.#id),
      redis.hset(keys.workers, this.#id, JSON.stringify(this.#facts(nowMs))),
      ...(counts.length === 0 ? [] : units.map((unit) => this.#tellCounts(unit, nowMs, counts))),
      ...units.map((unit) => this.#tellAdded(unit, nowMs, added)),
      ...(hot.length === 0 ? [] : [this.#tellHot(hotKey(keys, nowMs), hot)]),
    ]);
    const known = ORDERS.find((each) => each === order);
    if (known !== undefined) {
      await redis.hdel(keys.workerOrders, this.#id);
      this.deps.obey(known);
    }
    this.#beats += 1;
    if (this.#beats % TIDY_EVERY === 0) {
      await this.#tidy(nowMs);
    }
  }

  #facts(nowMs: number): WorkerFacts {
    const { queues, concurrency, running, isQuiet } = this.deps;
    return {
      host: hostname(),
      pid: process.pid,
      version: '0.1.0',
      startedAtMs: this.#startedAtMs,
      atMs: nowMs,
      queues: [...queues()],
      concurrency,
      running: running(),
      memoryBytes: process.memoryUsage.rss(),
      isQuiet: isQuiet(),
    };
  }

  async #tellCounts(unit: RateUnit, nowMs: number, counts: readonly (readonly [string, number])[]): Promise<void> {
    const { redis, keys } = this.deps;
    const key = ratesKey(keys, unit, nowMs);
    await Promise.all(counts.map(([field, count]) => redis.hincrby(key, field, count)));
    await redis.expire(key, RATE_UNITS[unit].keptSeconds);
  }

  /** Those that were added before anything of that time is kept are left out. */
  async #tellAdded(unit: RateUnit, nowMs: number, added: readonly (readonly [number, number])[]): Promise<void> {
    const { redis, keys } = this.deps;
    const { keptSeconds } = RATE_UNITS[unit];
    const sums = new Map<string, number>();
    for (const [minute, count] of added) {
      const atMs = minute * RATE_UNITS.minute.lengthMs;
      if (Math.abs(nowMs - atMs) < keptSeconds * 1000) {
        const key = ratesKey(keys, unit, atMs);
        sums.set(key, (sums.get(key) ?? 0) + count);
      }
    }
    for (const [key, count] of sums) {
      await Promise.all([redis.hincrby(key, 'in', count), redis.expire(key, keptSeconds)]);
    }
  }

  async #tellHot(key: string, hot: readonly (readonly [string, number])[]): Promise<void> {
    const { redis } = this.deps;
    await Promise.all(hot.map(([name, count]) => redis.zincrby(key, count, name)));
    await redis.zremrangebyrank(key, 0, -HOT_KEPT - 1);
    await redis.expire(key, HOT_KEPT_SECONDS);
  }

  /** Takes off those that ended without a word. */
  async #tidy(nowMs: number): Promise<void> {
    const { redis, keys } = this.deps;
    for (const [id, text] of Object.entries(await redis.hgetall(keys.workers))) {
      const atMs = decodeWorker(text)?.atMs ?? 0;
      if (nowMs - atMs > TIDY_AFTER_MS) {
        await Promise.all([redis.hdel(keys.workers, id), redis.hdel(keys.workerOrders, id)]);
      }
    }
  }

  /** A user of Redis from before may not do so: then it is not tried again, since each try counts as a refusal. */
  #giveUpIfForbidden(error: Error, logger: Logger): void {
    if (refusalOf(error)?.code === 'NOPERM') {
      this.#stop();
      logger.warn({ err: error }, 'the dashboard will not see this worker: give its Redis user the rights of docs/redis-acl.md');
      return;
    }
    logger.debug({ err: error }, 'could not tell the dashboard of this worker');
  }
}
