import { countByKind } from '../metrics/update-counters.js';
import { Announcement, processField } from '../metrics/processes.js';
import {
  decodeOrder,
  HOT_KEPT,
  HOT_KEPT_SECONDS,
  hotKey,
  latencyClass,
  PULSE_EVERY_MS,
  RATE_UNITS,
  ratesKey,
} from '../metrics/pulse-form.js';
import type { RateUnit, WorkerFacts, WorkerOrder } from '../metrics/pulse-form.js';
import { decodeFailure } from '../jobs/form.js';
import { settledRecord } from '../jobs/queues.js';
import type { Store } from '../layout/store.js';
import { areAllApplied } from '../operations/outcome.js';
import { refusalOf } from '../redis/refusal.js';
import type { TallyJob } from './attempt.js';
import { HotKeys } from './hot-keys.js';

const ROLE = 'worker';

/** Told of each time. */
const HOT_TOLD = 20;

interface PulseDeps extends Pick<Store, 'redis' | 'keys' | 'clock' | 'logger'> {
  /** What it says of itself. */
  readonly facts: () => WorkerFacts;
  /** What an operator has told this worker. */
  readonly obey: (order: WorkerOrder) => void;
}

/**
 * Tells the overview of the dashboard every few seconds that this worker lives, and what it did since: outcomes by kind, how long
 * updates took, which keys they changed most. Some 60 small commands in 5 s, however many jobs there were.
 */
export class Pulse {
  readonly #counts = new Map<string, number>();
  /** Updates by the minute in which they were added. */
  readonly #added = new Map<number, number>();
  readonly #hot = new HotKeys();
  readonly #field = processField(ROLE);
  #announcement: Announcement | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beating = false;
  /** The order that was obeyed last, or stood there before this worker was listed; undefined until that is known. */
  #obeyed: string | undefined;

  constructor(private readonly deps: PulseDeps) {}

  /** Begins to tell. */
  start(): void {
    this.#timer = setInterval(() => void this.#beat(), PULSE_EVERY_MS);
    this.#timer.unref();
    void this.#announce();
  }

  /** Lists this worker, once it knows what stands there for another one: whatever comes later is for this one. */
  async #announce(): Promise<void> {
    await this.#listen().catch(() => undefined); // then the first beat finds it
    if (this.#timer !== undefined) {
      this.#announcement = new Announcement(this.deps, ROLE, this.deps.facts);
    }
  }

  /** Counts a job that was completed, unless it had been before. */
  completed(job: TallyJob, record: string): void {
    if (settledRecord(job.progress) !== undefined) {
      return;
    }
    const { updates } = job.data;
    const outcomes = record.slice(record.indexOf(' ', record.indexOf(' ') + 1) + 1);
    if (areAllApplied(outcomes)) {
      this.#count('applied', updates.length);
    } else {
      for (const [kind, count] of Object.entries(countByKind(outcomes))) {
        this.#count(kind, kind === 'failed' || kind === 'unknown' ? 0 : count); // each is a job of its own now
      }
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

  /** Tells the rest, and that this worker is gone. */
  async end(): Promise<void> {
    const { redis, keys, clock } = this.deps;
    const announcement = this.#announcement;
    const hasBegun = announcement !== undefined || this.#timer !== undefined;
    this.#stop();
    if (hasBegun) {
      await this.#tell(clock.latestAt(performance.now()));
      await Promise.all([announcement?.close(), redis.hdel(keys.workerOrders, this.#field)]);
    }
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
      await this.#listen();
    } catch (error) {
      this.#giveUpIfForbidden(error as Error);
    } finally {
      this.#beating = false;
    }
  }

  async #tell(nowMs: number): Promise<void> {
    const { keys } = this.deps;
    const counts = [...this.#counts];
    const added = [...this.#added];
    this.#counts.clear();
    this.#added.clear();
    const hot = this.#hot.take(HOT_TOLD);
    const units = Object.keys(RATE_UNITS) as RateUnit[];
    await Promise.all([
      ...(counts.length === 0 ? [] : units.map((unit) => this.#tellCounts(unit, nowMs, counts))),
      ...units.map((unit) => this.#tellAdded(unit, nowMs, added)),
      ...(hot.length === 0 ? [] : [this.#tellHot(hotKey(keys, nowMs), hot)]),
    ]);
  }

  /** All workers of a process hear the same. What stands there when it begins was for another one. */
  async #listen(): Promise<void> {
    const { redis, keys, obey } = this.deps;
    const told = decodeOrder(await redis.hget(keys.workerOrders, this.#field));
    const isFirst = this.#obeyed === undefined;
    if (told?.id !== this.#obeyed && !isFirst && told !== undefined) {
      obey(told.order);
      this.#announcement?.say();
    }
    this.#obeyed = told?.id ?? 'none';
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

  /** A user of Redis from before may not do so: then it is not tried again, since each try counts as a refusal. */
  #giveUpIfForbidden(error: Error): void {
    const { logger } = this.deps;
    if (refusalOf(error)?.code === 'NOPERM') {
      this.#stop();
      logger.warn(
        { err: error },
        'the dashboard will not see this worker: give its Redis user the rights of docs/redis-acl.md',
      );
      return;
    }
    logger.debug({ err: error }, 'could not tell the dashboard of this worker');
  }
}
