import { z } from 'zod';
import type { Logger } from 'pino';
import { checkOptions } from '../../lib/check-options.js';
import { DELIVERIES } from '../../jobs/webhook-reading.js';
import { withinTime } from '../../lib/timeouts.js';
import { openStore } from '../../layout/store.js';
import type { Store } from '../../layout/store.js';
import { createRegistry } from '../../operations/registry.js';
import { commonShape, milliseconds } from '../../options.js';
import type { CommonOptions } from '../../options.js';
import { luaSource } from '../../redis/lua-source.js';
import { createScript, ScriptRunner } from '../../redis/scripts.js';
import { slotOf } from '../../redis/slots.js';
import { createOutcomeReader } from '../outcome-reader.js';
import type { OutcomeReader } from '../outcome-reader.js';
import { deliver, DeliveryError } from './deliver.js';
import { openDeliveries } from './delivery-queue.js';
import type { Delivery, DeliveryQueue } from './delivery-queue.js';
import { DeliveryWorker } from './delivery-worker.js';
import { FanOut } from './fan-out.js';
import { InFlight } from './in-flight.js';
import { KnownWebhooks } from './known-webhooks.js';
import { PendingCounts } from './pending-counts.js';
import { retryWaitMs } from './retry-schedule.js';
import { Seal } from './seal.js';
import { createTargetAgent } from './target-agent.js';
import { webhookOptionsSchema } from './webhook-options.js';
import type { WebhookOptions } from './webhook-options.js';
import { WebhookStore } from './webhook-store.js';

export type { WebhookOptions };

export interface WebhookSenderOptions extends Omit<CommonOptions, 'partitions'> {
  webhooks: WebhookOptions;
  /** Deliveries that run at a time, 1 to 1,000; to one target at most 10, of one owner of API keys at most half. @defaultValue 50 */
  concurrency?: number;
  /** How long a target may take to answer, 100 to 60,000 ms. @defaultValue 15,000 */
  answerTimeoutMs?: number;
  /** How long `close` waits for deliveries that run, in ms. @defaultValue 10,000 */
  closeTimeoutMs?: number;
  /** Waits between attempts are divided by this: for tests, which can't take three days. @internal */
  retriesFasterBy?: number;
}

const { redis, namespace, prefix, operations, logger } = commonShape;
const optionsSchema = z.strictObject({
  ...{ redis, namespace, prefix, operations, logger },
  webhooks: webhookOptionsSchema,
  concurrency: z.int().min(1).max(1_000).default(50),
  answerTimeoutMs: milliseconds(100, 60_000).default(15_000),
  closeTimeoutMs: milliseconds(0, 600_000).default(10_000),
  retriesFasterBy: z.number().min(1).default(1),
});

type Checked = z.output<typeof optionsSchema>;

/** Of the deliveries that run at a time, those to all webhooks of one owner of API keys, however slow they are. */
const SHARE_OF_OWNER = 0.5;

/** Longer than an answer may take, though the lock is renewed: a delivery whose process died is made again after it. */
const LOCK_MS = 30_000;
const STALLED_INTERVAL_MS = 15_000;

/**
 * Hands outcomes out to webhooks and delivers them: at least once each, whatever restarts. Any number of them share the work.
 *
 * @throws ConfigurationError for options that don't fit
 */
export function createWebhookSender(options: WebhookSenderOptions): WebhookSender {
  return new WebhookSender(checkOptions('createWebhookSender', optionsSchema, options));
}

export class WebhookSender {
  readonly #store: Store;
  readonly #reader: OutcomeReader;
  readonly #queue: DeliveryQueue;
  readonly #worker: DeliveryWorker;
  readonly #fanOut: FanOut;
  readonly #agent: ReturnType<typeof createTargetAgent>;
  readonly #pending: PendingCounts;

  /** @internal use {@link createWebhookSender} */
  constructor(private readonly options: Checked) {
    const { webhooks, namespace, answerTimeoutMs, concurrency } = options;
    const { sealingKeys, origin: _, ...policy } = webhooks;
    const store = openStore({ ...options, connectionName: 'tally-webhooks' });
    const { redis, keys, logger } = store;
    const registry = createRegistry(options.operations);
    const takeTurn = createScript('take-turn', luaSource('take-turn'));
    const lead = createScript('lead-fan-out', luaSource('lead-fan-out'));
    const scripts = new ScriptRunner(redis, [takeTurn, lead]);
    const known = new KnownWebhooks(new WebhookStore(redis, keys));
    this.#store = store;
    this.#reader = createOutcomeReader({ store, registry, namespace });
    this.#queue = openDeliveries(store);
    this.#pending = new PendingCounts(redis, keys, this.#queue);
    this.#agent = createTargetAgent(policy, answerTimeoutMs);
    const sending = { agent: this.#agent, policy, timeoutMs: answerTimeoutMs };
    const deps = {
      redis,
      keys,
      scripts,
      takeTurn,
      known,
      seal: new Seal(sealingKeys),
      inFlight: new InFlight(),
      ofOwners: new InFlight(Math.ceil(concurrency * SHARE_OF_OWNER)),
      sending,
    };
    const now = () => this.#now();
    this.#worker = this.#work((job, token = '') => deliver(job, token, { ...deps, now }), logger);
    const { reader, queue, pending } = { reader: this.#reader, queue: this.#queue, pending: this.#pending };
    this.#fanOut = new FanOut({ redis, keys, scripts, lead, reader, known, queue, pending, namespace, logger });
    void store.clock.sample().catch(() => undefined); // it goes on by itself
  }

  /** Takes nothing more, waits for deliveries that run, and closes the connections. */
  async close(): Promise<void> {
    const { closeTimeoutMs } = this.options;
    const fanOut = withinTime(this.#fanOut.close(), closeTimeoutMs);
    if (!(await withinTime(this.#worker.close(), closeTimeoutMs))) {
      await this.#worker.abandonJobs(); // another process makes them again
    }
    await fanOut;
    this.#reader.close();
    await Promise.all([withinTime(this.#queue.close(), 1_000), this.#agent.destroy()]);
    this.#store.close();
  }

  #work(run: ConstructorParameters<typeof DeliveryWorker>[1], logger: Logger): DeliveryWorker {
    const { redis, keys } = this.#store;
    const { concurrency, retriesFasterBy } = this.options;
    const worker = new DeliveryWorker(DELIVERIES, run, {
      connection: redis.forSlot(slotOf(keys.deliveriesPrefix)),
      prefix: keys.deliveriesPrefix,
      concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_INTERVAL_MS,
      maxStalledCount: Number.MAX_SAFE_INTEGER, // a crash of processes never fails a delivery
      runRetryDelay: 1_000,
      settings: {
        backoffStrategy: (attemptsMade, _type, error) => {
          const holdMs = error instanceof DeliveryError ? error.holdMs : undefined;
          return Math.max(retryWaitMs(attemptsMade) / retriesFasterBy, holdMs ?? 0);
        },
      },
    });
    worker.on('completed', ({ data }) => {
      this.#done(data, logger);
    });
    worker.on('failed', (job, error) => {
      const facts = { jobId: job?.id, webhook: job?.data.webhook, attempt: job?.attemptsMade };
      logger.warn(facts, `webhook: ${error.message}`);
      if (job?.finishedOn !== undefined) {
        this.#done(job.data, logger);
      }
    });
    worker.on('error', (error) => {
      logger.debug({ err: error }, error.message);
    });
    return worker;
  }

  #done({ webhook, event }: Delivery, logger: Logger): void {
    this.#pending.done(webhook, event).catch((error: unknown) => {
      logger.debug({ err: error }, 'could not count a delivery that is done');
    });
  }

  #now(): Date {
    const { clock } = this.#store;
    return clock.isKnown ? new Date(clock.latestAt(performance.now())) : new Date();
  }
}
