import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { z } from 'zod';
import { ConfigurationError } from '../errors.js';
import { openStore } from '../layout/store.js';
import type { Store } from '../layout/store.js';
import { checkOptions } from '../lib/check-options.js';
import { withinTime } from '../lib/timeouts.js';
import type { Operation } from '../operations/operation.js';
import { createRegistry } from '../operations/registry.js';
import { refusalOf } from '../redis/refusal.js';
import { isClusterInMotion } from '../workers/failures.js';
import { DeadLetters } from './dead-letters.js';
import { EntryDecoder } from './entry-decoder.js';
import type { OutcomeEvent } from './event.js';
import { handleEvent } from './event-handler.js';
import { isWanted } from './filter.js';
import { Group } from './group.js';
import type { Given } from './group.js';
import type { Gap } from './gap.js';
import { AgainTeller } from './tell-again.js';
import { subscriberSchema } from './subscriber-options.js';
import type { SubscriberOptions } from './subscriber-options.js';

/** How long what is under way when a subscriber ends may take. */
const END_MS = 1_000;

/** After an error of Redis. */
const RETRY_MS = 1_000;

/** With what Redis refuses for a while, whoever asks. */
const PASSING = ['OOM', 'READONLY', 'NOREPLICAS', 'MISCONF', 'LOADING', 'BUSY', 'MASTERDOWN', 'MAXCLIENTS'];

/**
 * Listens to the outcomes of updates, which workers tell with `outcomes: true`. It starts by itself; see
 * {@link TallySubscriber.ready}.
 *
 * @throws ConfigurationError for options that don't fit
 */
export function createSubscriber<Custom extends Operation = never>(
  options: SubscriberOptions<Custom>,
): TallySubscriber {
  return new TallySubscriber(checkOptions('createSubscriber', subscriberSchema, options));
}

export class TallySubscriber {
  /** What the group has set aside, since `onOutcome` threw again and again. */
  readonly deadLetters: DeadLetters;
  readonly #store: Store;
  readonly #group: Group;
  readonly #decoder: EntryDecoder;
  /** Entries that are being handled, by stream and id. */
  readonly #inHand = new Map<
    string,
    { readonly given: Given; readonly done: Promise<void>; readonly abort: () => void }
  >();
  readonly #stopping = new AbortController();
  readonly #started: Promise<void>;
  readonly #running: Promise<void>;
  readonly #tellingAgain: Promise<void>;
  readonly #endAgain = new AbortController();
  readonly #keeping: NodeJS.Timeout;
  #lookedForDeadAtMs = -Infinity;
  #closing: Promise<void> | undefined;

  /** @internal use {@link createSubscriber} */
  constructor(private readonly options: z.output<typeof subscriberSchema>) {
    const { group, takeOverAfterMs } = options;
    this.#store = openStore({ ...options, connectionName: 'tally-subscriber' });
    const { keys, logger } = this.#store;
    this.deadLetters = new DeadLetters(this.#store, group);
    const consumer = randomUUID();
    this.#group = new Group(this.#store, group, consumer, this.#stopping.signal);
    this.#decoder = new EntryDecoder({ ...options, registry: createRegistry(options.operations), keys });
    this.#keeping = setInterval(() => void this.#keep(), takeOverAfterMs / 3);
    this.#started = this.#open();
    this.#running = this.#started.then(
      () => this.#run(),
      (error: unknown) => {
        if (!this.#isStopping()) {
          logger.error({ err: error, group }, 'the subscriber did not start');
        }
      },
    );
    const handle = (event: OutcomeEvent, signal: AbortSignal) => this.#tell(event, signal);
    const [store, stopping] = [this.#store, this.#stopping.signal];
    const again = new AgainTeller({ store, group, consumer, takeOverAfterMs, stopping, handle });
    this.#tellingAgain = this.#started.then(
      () => again.run(this.#endAgain.signal),
      () => undefined,
    );
  }

  /**
   * Resolves once the group is there: what is told from now on reaches it. Waits for as long as Redis is unreachable, or takes no writes.
   *
   * @throws ConfigurationError when this Redis can't be used, e.g. because this user may not
   */
  ready(): Promise<void> {
    return this.#started;
  }

  /** Takes no more events, waits for those that are being handled for `closeTimeoutMs`, and leaves the rest to others at once. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #open(): Promise<void> {
    const { start } = this.options;
    for (;;) {
      try {
        await this.#group.open(start instanceof Date ? sinceMs(start) : start);
        return;
      } catch (error) {
        const isPassing =
          PASSING.includes(refusalOf(error)?.code ?? '') || (this.#store.redis.isCluster && isClusterInMotion(error));
        if (this.#isStopping() || !isPassing) {
          const { name, message } = error as Error;
          throw name === 'ReplyError'
            ? new ConfigurationError(`createSubscriber: ${message}`, { cause: error })
            : error;
        }
        this.#store.logger.warn({ err: error }, 'Redis refuses to make the group for now');
        await wait(RETRY_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      }
    }
  }

  async #run(): Promise<void> {
    const { logger } = this.#store;
    while (!this.#isStopping()) {
      try {
        await this.#step();
      } catch (error) {
        if (this.#isStopping()) {
          return;
        }
        const isGone = (error as Error).message.startsWith('NOGROUP');
        logger.warn({ err: error }, isGone ? 'the group was removed, making it anew' : 'could not read outcomes');
        await (isGone ? this.#open().catch(() => undefined) : undefined);
        await wait(RETRY_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      }
    }
  }

  /** Takes as many entries as there is room for; waits where there is none, or nothing comes. */
  async #step(): Promise<void> {
    if (this.#room() === 0) {
      await Promise.race([...this.#inHand.values()].map(({ done }) => done));
      return;
    }
    await this.#takeOver();
    const room = this.#room();
    if (room === 0 || this.#isStopping()) {
      return;
    }
    const { entries, gaps } = await this.#group.read(room);
    for (const { gap, from } of gaps) {
      if (await this.#tellGap(gap)) {
        await from.gapTold();
      }
    }
    entries.forEach((entry) => {
      this.#begin(entry);
    });
    if (entries.length === 0) {
      await this.#group.untilMore();
    }
  }

  #room(): number {
    return this.options.concurrency - this.#inHand.size;
  }

  async #takeOver(): Promise<void> {
    const { takeOverAfterMs } = this.options;
    if (performance.now() < this.#lookedForDeadAtMs + Math.min(takeOverAfterMs, 5_000) / 2) {
      return;
    }
    const { entries, lost } = await this.#group.takeOver(takeOverAfterMs, this.#room());
    entries.forEach((entry) => {
      this.#begin(entry);
    });
    if (entries.length === 0 && lost === 0) {
      this.#lookedForDeadAtMs = performance.now(); // else there may be more
    }
  }

  /** @returns whether somebody took note */
  async #tellGap(gap: Gap): Promise<boolean> {
    const { onGap, group, metrics } = this.options;
    const { logger } = this.#store;
    logger.warn({ ...gap, group }, 'outcomes were removed from the stream before this group came to them');
    metrics?.subscribers.gap(group);
    try {
      await onGap?.(gap);
      return true;
    } catch (error) {
      logger.error({ err: error, group }, 'onGap failed');
      return false;
    }
  }

  #begin(given: Given): void {
    const name = `${given.from.stream} ${given.id}`;
    if (this.#inHand.has(name)) {
      return;
    }
    const stop = new AbortController();
    const done = this.#handle(given, stop.signal)
      .catch((error: unknown) => {
        const what = 'could not handle the outcomes of a job; they are taken up again';
        this.#store.logger.error({ err: error, entry: given.id }, what);
      })
      .finally(() => this.#inHand.delete(name));
    this.#inHand.set(name, {
      given,
      done,
      abort: () => {
        stop.abort();
      },
    });
  }

  async #handle({ id, entry, from }: Given, stopped: AbortSignal): Promise<void> {
    const events = entry === undefined ? [] : this.#decoder.eventsOf(entry);
    for (const { event } of events.filter(({ event }) => isWanted(event, this.options.filter))) {
      if (!(await this.#tell(event, stopped))) {
        return;
      }
    }
    await from.acknowledge(id);
  }

  #tell(event: OutcomeEvent, stopped: AbortSignal): Promise<boolean> {
    const { group, metrics } = this.options;
    const { logger } = this.#store;
    const counted = (how: 'handled' | 'failed' | 'set aside') => {
      metrics?.subscribers.count(group, how);
    };
    return handleEvent(event, stopped, { ...this.options, deadLetters: this.deadLetters, logger, counted });
  }

  /** Stops what others have taken over, while this process was held up. */
  async #keep(): Promise<void> {
    const held = [...this.#inHand.values()];
    if (held.length === 0) {
      return;
    }
    try {
      const kept = await this.#group.keep(held.map(({ given }) => given));
      for (const { abort } of held.filter(({ given }) => !kept.has(given))) {
        abort();
      }
    } catch (error) {
      this.#store.logger.debug({ err: error }, 'could not say that outcomes are being handled');
    }
  }

  async #close(): Promise<void> {
    const { closeTimeoutMs } = this.options;
    this.#stopping.abort();
    const handled = [...this.#inHand.values()].map(({ done }) => done);
    await withinTime(Promise.allSettled([...handled, this.#tellingAgain]), closeTimeoutMs);
    this.#endAgain.abort();
    clearInterval(this.#keeping);
    const left = [...this.#inHand.values()].map(({ given }) => given);
    for (const { abort } of this.#inHand.values()) {
      abort();
    }
    await withinTime(Promise.allSettled([this.#running, this.#tellingAgain, this.#group.leave(left)]), END_MS);
    this.#group.close();
    this.#store.close();
  }
}

/** Redis knows nothing before the first id. */
function sinceMs(time: Date): number | 'beginning' {
  return time.getTime() < 1 ? 'beginning' : time.getTime();
}
