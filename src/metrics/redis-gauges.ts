import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { valueWithin } from '../lib/timeouts.js';
import { readRedis } from './redis-reading.js';
import type { ReadFrom, RedisReading } from './redis-reading.js';

/** Prometheus gives up after 10 s by default; the counters of the process should reach it in any case. */
const READ_TIMEOUT_MS = 2_000;

/** The gauges of queues and of Redis itself, read when they are asked for. */
export class RedisGauges {
  readonly #up: Gauge;
  readonly #memoryUsed: Gauge<'node'>;
  readonly #memoryMax: Gauge<'node'>;
  readonly #jobs: Gauge<'queue' | 'state'>;
  readonly #oldest: Gauge<'queue'>;
  readonly #windowRatio: Gauge<'queue'>;
  readonly #keptFor: Gauge<'queue'>;
  readonly #paused: Gauge<'queue'>;
  readonly #workers: Gauge<'queue'>;
  #reading: Promise<RedisReading | undefined> | undefined;

  constructor(
    register: Registry,
    private readonly source: ReadFrom,
  ) {
    const registers = [register];
    const ofNode = (name: string, help: string) => new Gauge({ name, help, registers, labelNames: ['node'] });
    const ofQueue = (name: string, help: string) => new Gauge({ name, help, registers, labelNames: ['queue'] });
    this.#up = new Gauge({
      name: 'tally_redis_up',
      help: 'Whether Redis answered this scrape, in a Cluster every master of it, 1 or 0.',
      registers,
    });
    this.#memoryUsed = ofNode('tally_redis_memory_used_bytes', 'Memory that a server, or a master of a Cluster, uses.');
    this.#memoryMax = ofNode('tally_redis_memory_max_bytes', 'Memory that it may use; 0 when it has no limit.');
    this.#jobs = new Gauge({
      name: 'tally_jobs',
      help: 'Jobs of a queue by their state.',
      labelNames: ['queue', 'state'],
      registers,
    });
    this.#oldest = ofQueue(
      'tally_oldest_waiting_job_age_seconds',
      'Time since the job that has waited longest was added, or was to run; 0 when none waits.',
    );
    this.#windowRatio = ofQueue(
      'tally_oldest_keyed_update_window_ratio',
      'How much of the time in which it can be applied is over for the oldest waiting update with an idempotency key: at 1 it can not be applied any more; 0 when none waits.',
    );
    this.#keptFor = ofQueue(
      'tally_outcomes_kept_for_seconds',
      'How far back outcomes of completed updates can be asked for: less than they are to be kept after there were too many.',
    );
    this.#paused = ofQueue('tally_queue_paused', 'Whether a queue, or a partition of it, is paused, 1 or 0.');
    this.#workers = ofQueue(
      'tally_workers',
      'Workers that are connected to a queue: to that partition of it which has the fewest.',
    );
  }

  /**
   * Reads all gauges anew. Without an answer of Redis in time there are none but `tally_redis_up`; while some masters of a
   * Cluster are unreachable, there is what the others make certain.
   */
  async refresh(): Promise<void> {
    // One reading for all who ask meanwhile, and no other before it has ended: none pile up while Redis hangs.
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    this.#show(await valueWithin(this.#reading, READ_TIMEOUT_MS, undefined));
  }

  async #read(): Promise<RedisReading | undefined> {
    try {
      return await readRedis(this.source);
    } catch (error) {
      this.source.logger.debug({ err: error }, 'could not read metrics from Redis');
      return undefined;
    }
  }

  #show(reading: RedisReading | undefined): void {
    this.#up.set(reading?.isWhole === true ? 1 : 0);
    const ofQueues = [this.#jobs, this.#oldest, this.#windowRatio, this.#keptFor, this.#paused, this.#workers];
    for (const gauge of [this.#memoryUsed, this.#memoryMax, ...ofQueues]) {
      gauge.reset(); // nothing stays that is not known any more
    }
    for (const { node, usedMemoryBytes, maxmemoryBytes } of reading?.nodes ?? []) {
      this.#memoryUsed.set({ node }, usedMemoryBytes);
      this.#memoryMax.set({ node }, maxmemoryBytes);
    }
    for (const { queue, jobs, isPaused, oldestWaitingAgeMs, windowRatio, keptForMs, workers } of reading?.queues ??
      []) {
      for (const [state, count] of Object.entries(jobs ?? {})) {
        this.#jobs.set({ queue, state }, count);
      }
      setIfKnown(this.#paused, queue, isPaused === undefined ? undefined : Number(isPaused));
      setIfKnown(this.#oldest, queue, oldestWaitingAgeMs === undefined ? undefined : oldestWaitingAgeMs / 1000);
      setIfKnown(this.#windowRatio, queue, windowRatio);
      setIfKnown(this.#keptFor, queue, keptForMs === undefined ? undefined : keptForMs / 1000);
      setIfKnown(this.#workers, queue, workers);
    }
  }
}

function setIfKnown(gauge: Gauge<'queue'>, queue: string, value: number | undefined): void {
  if (value !== undefined) {
    gauge.set({ queue }, value);
  }
}
