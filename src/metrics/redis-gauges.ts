import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { readServerFacts } from '../redis/requirements.js';
import type { ServerFacts } from '../redis/requirements.js';
import { readQueue } from './queue-reading.js';
import type { QueueReading } from './queue-reading.js';

/** Prometheus gives up after 10 s by default; the counters of the process should reach it in any case. */
const READ_TIMEOUT_MS = 2_000;

interface Reading {
  readonly facts: ServerFacts;
  readonly queues: readonly QueueReading[];
  /** Workers by queue; undefined where Redis does not let us list its clients. */
  readonly workers: ReadonlyMap<string, number> | undefined;
}

interface Deps {
  readonly redis: Redis;
  readonly prefix: string;
  readonly queues: readonly string[];
  readonly logger: Logger;
}

/** The gauges of queues and of Redis itself, read when they are asked for. */
export class RedisGauges {
  readonly #up: Gauge;
  readonly #memoryUsed: Gauge;
  readonly #memoryMax: Gauge;
  readonly #jobs: Gauge<'queue' | 'state'>;
  readonly #oldest: Gauge<'queue'>;
  readonly #paused: Gauge<'queue'>;
  readonly #workers: Gauge<'queue'>;
  #reading: Promise<Reading | undefined> | undefined;

  constructor(
    register: Registry,
    private readonly deps: Deps,
  ) {
    const registers = [register];
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
    const ofQueue = (name: string, help: string) => new Gauge({ name, help, registers, labelNames: ['queue'] });
    this.#up = gauge('tally_redis_up', 'Whether Redis answered this scrape, 1 or 0.');
    this.#memoryUsed = gauge('tally_redis_memory_used_bytes', 'Memory that Redis uses.');
    this.#memoryMax = gauge('tally_redis_memory_max_bytes', 'Memory that Redis may use; 0 when there is no limit.');
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
    this.#paused = ofQueue('tally_queue_paused', 'Whether a queue is paused, 1 or 0.');
    this.#workers = ofQueue('tally_workers', 'Workers that are connected to a queue.');
  }

  /** Reads all gauges anew. Without an answer of Redis in time there are none but `tally_redis_up`. */
  async refresh(): Promise<void> {
    // One reading for all who ask meanwhile, and no other before it has ended: none pile up while Redis hangs.
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    this.#show(await orUndefinedAfter(this.#reading, READ_TIMEOUT_MS));
  }

  async #read(): Promise<Reading | undefined> {
    const { redis, prefix, queues, logger } = this.deps;
    try {
      const [seconds, microseconds] = (await redis.time()) as unknown as [number | string, number | string];
      const nowMs = Number(seconds) * 1000 + Number(microseconds) / 1000;
      const [facts, workers, ...readings] = await Promise.all([
        readServerFacts(redis),
        this.#countWorkers(),
        ...queues.map((queue) => readQueue(redis, prefix, queue, nowMs)),
      ]);
      return { facts, workers, queues: readings };
    } catch (error) {
      logger.debug({ err: error }, 'could not read metrics from Redis');
      return undefined;
    }
  }

  /** A BullMQ worker gives its connection the name of its queue. */
  async #countWorkers(): Promise<Map<string, number> | undefined> {
    const { redis, prefix, queues, logger } = this.deps;
    let clients: string;
    try {
      clients = (await redis.client('LIST')) as string;
    } catch (error) {
      logger.debug({ err: error }, 'could not list the clients of Redis, so tally_workers is left out');
      return undefined;
    }
    const names = [...clients.matchAll(/ name=(\S*)/g)].map(([, name = '']) => name);
    return new Map(
      queues.map((queue) => {
        const clientName = `${prefix}:${Buffer.from(queue).toString('base64')}`;
        return [queue, names.filter((name) => name === clientName || name.startsWith(`${clientName}:w:`)).length];
      }),
    );
  }

  #show(reading: Reading | undefined): void {
    this.#up.set(reading === undefined ? 0 : 1);
    if (reading === undefined) {
      this.#memoryUsed.remove();
      this.#memoryMax.remove();
      for (const gauge of [this.#jobs, this.#oldest, this.#paused, this.#workers]) {
        gauge.reset();
      }
      return;
    }
    this.#memoryUsed.set(reading.facts.usedMemoryBytes);
    this.#memoryMax.set(reading.facts.maxmemoryBytes);
    for (const { queue, jobs, isPaused, oldestWaitingAgeMs } of reading.queues) {
      for (const [state, count] of Object.entries(jobs)) {
        this.#jobs.set({ queue, state }, count);
      }
      this.#paused.set({ queue }, isPaused ? 1 : 0);
      this.#oldest.set({ queue }, oldestWaitingAgeMs / 1000);
    }
    this.#workers.reset();
    for (const [queue, count] of reading.workers ?? []) {
      this.#workers.set({ queue }, count);
    }
  }
}

async function orUndefinedAfter<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, undefined);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
