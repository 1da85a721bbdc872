import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Connection } from '../../redis/connection.js';
import type { Keys } from '../../redis/keys.js';
import type { Script, ScriptRunner } from '../../redis/scripts.js';
import { gapEvent } from '../gap-event.js';
import type { OutcomeReader, Page } from '../outcome-reader.js';
import { deliveryJob } from './delivery-queue.js';
import type { DeliveryQueue, SentEvent } from './delivery-queue.js';
import type { KnownWebhooks } from './known-webhooks.js';
import type { PendingCounts } from './pending-counts.js';
import { isFor, isNewFor } from './webhook.js';
import type { Webhook } from './webhook.js';

/** The lead of a process that died ends after this time. */
const LEAD_MS = 10_000;

/** How long at most to wait for more, before the lead is renewed. */
const LOOK_EVERY_MS = 3_000;

const RETRY_MS = 1_000;

/** How often deliveries that wait are counted anew. */
const RECOUNT_EVERY_MS = 60_000;

/** Jobs of the stream to read at a time. */
const JOBS_A_PAGE = 16;

interface FanOutDeps {
  readonly redis: Connection;
  readonly keys: Pick<Keys, 'webhookFanOut'>;
  readonly scripts: ScriptRunner;
  readonly lead: Script;
  readonly reader: OutcomeReader;
  readonly known: KnownWebhooks;
  readonly queue: DeliveryQueue;
  readonly pending: PendingCounts;
  readonly namespace: string;
  readonly logger: Logger;
}

/**
 * Makes a delivery of each event and each webhook that it is for. One process leads; the cursor is noted after the deliveries are in
 * Redis, so that whoever takes over makes the last ones again, which then are there already.
 */
export class FanOut {
  readonly #me = randomUUID();
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  #hasWarned = false;
  #recountedAtMs = -Infinity;

  constructor(private readonly deps: FanOutDeps) {
    this.#running = this.#run();
  }

  /** Resolves when nothing is on its way any more, and another process may lead. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#running;
    await this.#note('', 0).catch(() => undefined); // the lead ends by itself as well
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      try {
        if (!(await this.#lead())) {
          await this.#pause(LOOK_EVERY_MS);
        }
      } catch (error) {
        this.deps.logger.warn({ err: error }, 'could not hand outcomes out to webhooks, trying again');
        await this.#pause(RETRY_MS);
      }
    }
  }

  /** Goes on as long as this process leads and there is something to do. @returns false when there is not */
  async #lead(): Promise<boolean> {
    const { known, reader } = this.deps;
    if (!(await this.#canServeAll())) {
      return false;
    }
    let cursor = await this.#note('');
    if (cursor === undefined) {
      return false;
    }
    if (performance.now() - this.#recountedAtMs >= RECOUNT_EVERY_MS) {
      await this.#recount();
    }
    cursor = cursor === '' ? await reader.cursorAt('now') : cursor;
    const page = await reader.read(cursor, JOBS_A_PAGE);
    // Read after the page: so whoever was added before something happened is told of it.
    await this.#handOut(page, cursor, await known.fresh());
    await this.#note(page.cursor);
    if (page.isLast) {
      await reader.untilMore(page.cursor, LOOK_EVERY_MS, this.#end.signal);
    }
    return true;
  }

  /** Without webhooks nothing is read; one that a newer version has added must be served by that. */
  async #canServeAll(): Promise<boolean> {
    const { known, logger } = this.deps;
    const webhooks = await known.all();
    const { unreadable } = known;
    if (unreadable.length > 0 && !this.#hasWarned) {
      logger.warn(
        { webhooks: unreadable },
        'this version of Tally can not read these webhooks: a newer one has to serve all',
      );
    }
    this.#hasWarned = unreadable.length > 0;
    return webhooks.length > 0 && unreadable.length === 0;
  }

  async #handOut(page: Page, cursor: string, webhooks: readonly Webhook[]): Promise<void> {
    const { queue, known, namespace, logger } = this.deps;
    const told = page.gap === undefined ? [] : [gapEvent(page.gap, namespace, cursor)];
    if (page.gap !== undefined) {
      logger.error({ gap: page.gap }, 'outcomes left the stream before they were handed out to webhooks');
    }
    for (const webhook of webhooks.filter(({ disabled }) => disabled === undefined)) {
      const wanted = page.events.filter((each) => isNewFor(each.event, webhook) && isFor(each, webhook));
      const events = [...told, ...wanted.map(({ event }) => event)];
      if (events.length === 0) {
        continue;
      }
      if (await this.#isFull(webhook.id, events)) {
        logger.error({ webhook: webhook.id }, 'too many deliveries wait: the webhook is disabled');
        await known.disable(webhook.id, 'BEHIND');
        continue;
      }
      await queue.addBulk(events.map((event) => deliveryJob(webhook.id, event)));
    }
  }

  /** Counts deliveries that are to be added, unless too many wait: some may have been removed since they were counted. */
  async #isFull(webhook: string, events: readonly SentEvent[]): Promise<boolean> {
    const { pending } = this.deps;
    if ((await pending.add(webhook, events)) === undefined) {
      return false;
    }
    await this.#recount();
    return (await pending.add(webhook, events)) !== undefined;
  }

  async #recount(): Promise<void> {
    const { pending, known } = this.deps;
    await pending.recount((await known.all()).map(({ id }) => id));
    this.#recountedAtMs = performance.now();
  }

  /** @returns the cursor, empty when there is none; undefined when another process leads */
  async #note(cursor: string, leadMs = LEAD_MS): Promise<string | undefined> {
    const { scripts, lead, keys } = this.deps;
    const noted = await scripts.run(lead, [keys.webhookFanOut], [this.#me, leadMs, cursor]);
    return (noted as string | null) ?? undefined;
  }

  async #pause(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#end.signal }).catch(() => undefined);
  }
}
