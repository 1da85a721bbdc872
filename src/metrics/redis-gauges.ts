import type { Gauge, Registry } from 'prom-client';
import { coalesce } from '../lib/coalesce.js';
import { valueWithin } from '../lib/timeouts.js';
import type { ClockOffsets } from './clock-offsets.js';
import { drainSeconds, jobsPerSecond } from './queue-reading.js';
import { readRedis } from './redis-reading.js';
import type { NodeReading, ReadFrom, RedisReading } from './redis-reading.js';
import { newGauge } from './prom-client.js';

/** Prometheus gives up after 10 s by default; the counters of the process should reach it in any case. */
const READ_TIMEOUT_MS = 2_000;

/** What a gauge means, and its value; none where that is not known. */
interface Shown<Reading> {
  readonly help: string;
  readonly value: (reading: Reading) => number | undefined;
}

const OF_NODES: Readonly<Record<string, Shown<NodeReading>>> = {
  tally_redis_memory_used_bytes: {
    help: 'Memory that a server, or a master of a Cluster, uses.',
    value: ({ facts }) => facts.usedMemoryBytes,
  },
  tally_redis_memory_max_bytes: {
    help: 'Memory that it may use; 0 when it has no limit.',
    value: ({ facts }) => facts.maxmemoryBytes,
  },
  tally_redis_takes_writes: {
    help: 'Whether it takes writes, 1 or 0; left out where that can not be told.',
    value: ({ takesWrites }) => (takesWrites === undefined ? undefined : Number(takesWrites)),
  },
  tally_redis_aof_failing: {
    help: 'Whether its append-only file could not be written, or not be rewritten, the last time, 1 or 0.',
    value: ({ facts }) => Number(facts.appendOnlyFails || facts.rewriteFails),
  },
  tally_redis_snapshot_failing: {
    help: 'Whether its last snapshot (RDB) could not be written, 1 or 0.',
    value: ({ facts }) => Number(facts.snapshotFails),
  },
};

type QueueRow = RedisReading['queues'][number];

const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);

const OF_QUEUES: Readonly<Record<string, Shown<QueueRow>>> = {
  tally_updates_waiting: {
    help: 'Updates in the jobs that wait: of more than five jobs an estimate, by a sample of them.',
    value: ({ updatesWaiting }) => updatesWaiting,
  },
  tally_queue_drain_seconds: {
    help: 'How long what waits will take at the pace of the last minute; left out when nothing was completed in it.',
    value: drainSeconds,
  },
  tally_oldest_waiting_job_age_seconds: {
    help: 'Time since the job that has waited longest was added, or was to run; 0 when none waits.',
    value: ({ oldestWaitingAgeMs }) => seconds(oldestWaitingAgeMs),
  },
  tally_oldest_failed_job_age_seconds: {
    help: 'Time since the first of the failed jobs failed that are kept; 0 when there is none.',
    value: ({ oldestFailedAgeMs }) => seconds(oldestFailedAgeMs),
  },
  tally_oldest_keyed_update_window_ratio: {
    help: 'How much of the time in which it can be applied is over for the oldest waiting update with an idempotency key: at 1 it can not be applied any more; 0 when none waits.',
    value: ({ windowRatio }) => windowRatio,
  },
  tally_outcomes_kept_for_seconds: {
    help: 'How far back outcomes of completed updates can be asked for: less than they are to be kept after there were too many.',
    value: ({ keptForMs }) => seconds(keptForMs),
  },
  tally_queue_paused: {
    help: 'Whether a queue, or a partition of it, is paused, 1 or 0.',
    value: ({ isPaused }) => (isPaused === undefined ? undefined : Number(isPaused)),
  },
  tally_queue_rate_limit_jobs_per_second: {
    help: 'How many jobs all workers together may take from a queue, or from a partition of it, as somebody has set it; left out when there is no limit.',
    value: ({ rateLimit }) => rateLimit && jobsPerSecond(rateLimit),
  },
  tally_queue_concurrency_limit: {
    help: 'How many jobs of a queue, or of a partition of it, may run at a time, as somebody has set it; left out when there is no limit.',
    value: ({ concurrency }) => concurrency,
  },
  tally_workers: {
    help: 'Workers that are connected to a queue: to that partition of it which has the fewest.',
    value: ({ workers }) => workers,
  },
  tally_foreign_workers: {
    help: 'Workers of other programs that are connected to a queue: what they take is not applied.',
    value: ({ foreignWorkers }) => foreignWorkers,
  },
};

/** The gauges of queues and of Redis itself, read when they are asked for. */
export class RedisGauges {
  readonly #up: Gauge;
  readonly #jobs: Gauge<'queue' | 'state'>;
  readonly #ofNodes: readonly [Gauge<'node'>, Shown<NodeReading>['value']][];
  readonly #ofQueues: readonly [Gauge<'queue'>, Shown<QueueRow>['value']][];
  readonly #readOnce = coalesce(() => this.#read());

  constructor(
    register: Registry,
    private readonly source: ReadFrom,
    private readonly clocks: ClockOffsets,
  ) {
    const registers = [register];
    this.#up = newGauge({
      name: 'tally_redis_up',
      help: 'Whether Redis answered this scrape, in a Cluster every master of it, 1 or 0.',
      registers,
    });
    this.#jobs = newGauge({
      name: 'tally_jobs',
      help: 'Jobs of a queue by their state.',
      labelNames: ['queue', 'state'],
      registers,
    });
    this.#ofNodes = Object.entries(OF_NODES).map(([name, { help, value }]) => {
      return [newGauge({ name, help, registers, labelNames: ['node'] }), value];
    });
    this.#ofQueues = Object.entries(OF_QUEUES).map(([name, { help, value }]) => {
      return [newGauge({ name, help, registers, labelNames: ['queue'] }), value];
    });
  }

  /**
   * Reads all gauges anew. Without an answer of Redis in time there are none but `tally_redis_up`; while some masters of a
   * Cluster are unreachable, there is what the others make certain.
   */
  async refresh(): Promise<void> {
    this.#show(await valueWithin(this.#readOnce(), READ_TIMEOUT_MS, undefined));
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
    const { nodes = [], queues = [] } = reading ?? {};
    this.#jobs.reset(); // nothing stays that is not known any more
    for (const { queue, jobs } of queues) {
      for (const [state, count] of Object.entries(jobs ?? {})) {
        this.#jobs.set({ queue, state }, count);
      }
    }
    for (const { node, clockOffsetMs } of nodes) {
      this.clocks.note(node, clockOffsetMs);
    }
    for (const [gauge, valueOf] of this.#ofNodes) {
      gauge.reset();
      for (const reading of nodes) {
        setIfKnown(gauge, { node: reading.node }, valueOf(reading));
      }
    }
    for (const [gauge, valueOf] of this.#ofQueues) {
      gauge.reset();
      for (const reading of queues) {
        setIfKnown(gauge, { queue: reading.queue }, valueOf(reading));
      }
    }
  }
}

function setIfKnown<Label extends string>(
  gauge: Gauge<Label>,
  labels: Record<Label, string>,
  value: number | undefined,
) {
  if (value !== undefined) {
    gauge.set(labels, value);
  }
}
