import type { Logger } from 'pino';
import type { Gauge } from 'prom-client';
import { z } from 'zod';
import type { Operation } from '../operations/operation.js';
import { openStore } from '../layout/store.js';
import type { Store } from '../layout/store.js';
import { createRegistry } from '../operations/registry.js';
import { commonShape } from '../options.js';
import { checkOptions } from '../lib/check-options.js';
import type { RedisTarget } from '../redis/target.js';
import { OutcomeGauges } from './outcome-gauges.js';
import { ClockOffsets } from './clock-offsets.js';
import { HttpMetrics } from './http-metrics.js';
import { RedisGauges } from './redis-gauges.js';
import { ProcessGauge } from './process-gauge.js';
import { RelayMetrics } from './relay-metrics.js';
import { RefusalCounter } from './refusal-counter.js';
import { SubscriberMetrics } from './subscriber-metrics.js';
import { TurnedAwayCounter } from './turned-away-counter.js';
import { UpdateCounters } from './update-counters.js';
import { WebhookGauges } from './webhook-gauges.js';
import { WorkerMetrics } from './worker-metrics.js';
import { collectDefaultMetrics, newGauge, newRegistry } from './prom-client.js';

export interface MetricsOptions {
  /**
   * Redis URL, or options of ioredis, from which the gauges of queues and of Redis are read at each scrape.
   * @defaultValue none: only what this process counts itself
   */
  redis?: RedisTarget;
  /** First part of Tally's own keys, which tell how queues are split. @defaultValue `tally` */
  namespace?: string;
  /** First part of BullMQ's keys. @defaultValue `tally-queues` */
  prefix?: string;
  /** The user's own operations, whose queues are read too. @defaultValue none */
  operations?: readonly Operation[];
  /** @defaultValue a pino logger at level `info` */
  logger?: Logger;
}

/** A command whose answer takes longer is given up, long after the scrape has gone on without it. */
const COMMAND_TIMEOUT_MS = 5_000;

/** A master that takes longer counts as unreachable: what the others tell has to be read after that, and in time. */
const PATIENCE_MS = 1_000;

const optionsSchema = z.strictObject({
  redis: commonShape.redis.optional(),
  namespace: commonShape.namespace,
  prefix: commonShape.prefix,
  operations: commonShape.operations,
  logger: commonShape.logger,
});

/**
 * Metrics of this process for Prometheus. Hand them to `createProducer`, `createWorker` and `createApi`, which count in
 * them, and serve {@link Metrics.text}.
 *
 * @throws ConfigurationError for options that don't fit
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  return new Metrics(checkOptions('createMetrics', optionsSchema, options));
}

export class Metrics {
  readonly #register = newRegistry();
  readonly #store: Store | undefined;
  readonly #gauges: RedisGauges | undefined;
  readonly #outcomes: OutcomeGauges | undefined;
  readonly #webhooks: WebhookGauges | undefined;
  readonly #processes: ProcessGauge | undefined;
  readonly #lost: Gauge;
  #isLost = false;
  /** @internal what producers and workers count updates with */
  readonly updates: UpdateCounters;
  /** @internal what workers count jobs with */
  readonly jobs: WorkerMetrics;
  /** @internal how far clocks are off */
  readonly clocks: ClockOffsets;
  /** @internal what Redis refuses */
  readonly refusals: RefusalCounter;
  /** @internal what subscribers count with */
  readonly subscribers: SubscriberMetrics;
  /** @internal what a relay counts with */
  readonly relay: RelayMetrics;
  /** @internal what the API answers */
  readonly http: HttpMetrics;
  /** @internal what the API turns away */
  readonly turnedAway: TurnedAwayCounter;

  /** @internal use {@link createMetrics} */
  constructor(options: z.output<typeof optionsSchema>) {
    collectDefaultMetrics(this.#register);
    this.updates = new UpdateCounters(this.#register);
    this.jobs = new WorkerMetrics(this.#register, this.updates);
    this.refusals = new RefusalCounter(this.#register);
    this.subscribers = new SubscriberMetrics(this.#register);
    this.relay = new RelayMetrics(this.#register);
    this.clocks = new ClockOffsets(this.#register);
    this.http = new HttpMetrics(this.#register);
    this.turnedAway = new TurnedAwayCounter(this.#register);
    this.#lost = newGauge({
      name: 'tally_installation_lost',
      help: 'Whether Redis has lost what Tally kept in it, as this process, or its data folder, remembers it, 1 or 0.',
      registers: [this.#register],
    });
    const { redis, prefix, operations } = options;
    if (redis !== undefined) {
      const { queues } = createRegistry(operations);
      const storeOptions = { timeoutMs: COMMAND_TIMEOUT_MS, masterPatienceMs: PATIENCE_MS };
      this.#store = openStore({ ...options, redis, connectionName: 'tally-metrics', ...storeOptions });
      this.#store.redis.onRefusal = (code) => {
        this.refusals.count(code);
      };
      this.#outcomes = new OutcomeGauges(this.#register, this.#store);
      this.#webhooks = new WebhookGauges(this.#register, this.#store);
      this.#processes = new ProcessGauge(this.#register, this.#store);
      this.#gauges = new RedisGauges(this.#register, { ...this.#store, prefix, queues }, this.clocks);
    }
  }

  /** @internal the connection that the gauges are read over */
  requireStore(): Store {
    if (this.#store === undefined) {
      throw new Error('these metrics have no Redis');
    }
    return this.#store;
  }

  /** @internal whether Redis has lost what Tally kept in it */
  installationLost(isLost: boolean): void {
    this.#isLost = isLost;
    this.#lost.set(Number(isLost));
  }

  /** @internal */
  get isInstallationLost(): boolean {
    return this.#isLost;
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#register.contentType;
  }

  /** All metrics in the text format of Prometheus; within about two seconds, also while Redis is unreachable. */
  async text(): Promise<string> {
    const all = [this.#gauges, this.#outcomes, this.#webhooks, this.#processes];
    await Promise.all(all.flatMap((gauges) => gauges?.refresh() ?? []));
    return this.#register.metrics();
  }

  /** Closes the connection to Redis, if there is one. */
  close(): Promise<void> {
    this.#store?.close();
    return Promise.resolve();
  }
}

/** Of everything that can be counted. */
export interface MetricsOption {
  /** What to count in: what `createMetrics` returned. Several may share one. @defaultValue nothing is counted */
  metrics?: Metrics | undefined;
}

export const metricsShape = {
  metrics: z
    .custom<Metrics>((value) => typeof value === 'object' && value !== null && 'updates' in value, {
      error: 'give what createMetrics() returns',
    })
    .optional(),
};
