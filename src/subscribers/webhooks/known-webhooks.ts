import { disabledAs } from './webhook.js';
import type { DisabledWhy, Webhook } from './webhook.js';
import type { WebhookStore } from './webhook-store.js';
import { WebhookNotFoundError } from './webhook-store.js';

/** A webhook that was added, changed or removed is known so everywhere after this time. */
const MAX_AGE_MS = 2_000;

/** The webhooks as this process knows them: read now and then, so that no event and no delivery costs a round trip. */
export class KnownWebhooks {
  #known: readonly Webhook[] = [];
  #unreadable: readonly string[] = [];
  #readAtMs = -Infinity;
  #reading: Promise<readonly Webhook[]> | undefined;

  constructor(private readonly store: WebhookStore) {}

  /** Ids of those that this version can't make sense of, when they were read last. */
  get unreadable(): readonly string[] {
    return this.#unreadable;
  }

  /** All that can be read, none older than {@link MAX_AGE_MS}. */
  async all(): Promise<readonly Webhook[]> {
    return performance.now() - this.#readAtMs < MAX_AGE_MS ? this.#known : this.#read();
  }

  /** As they are at this moment. */
  fresh(): Promise<readonly Webhook[]> {
    return (this.#reading ?? Promise.resolve()).then(() => this.#read()); // one that is under way may have begun before
  }

  /** Undefined only if it is not there at this moment. */
  async find(id: string): Promise<Webhook | undefined> {
    const named = (webhook: Webhook) => webhook.id === id;
    return (await this.all()).find(named) ?? (await this.fresh()).find(named);
  }

  /** Hands nothing out to it any more, until somebody enables it. */
  async disable(id: string, why: DisabledWhy): Promise<void> {
    try {
      await this.store.change(id, (webhook) => disabledAs(webhook, why, Date.now()));
    } catch (error) {
      if (!(error instanceof WebhookNotFoundError)) {
        throw error;
      }
    }
    this.#readAtMs = -Infinity;
  }

  /** Once for all who ask at a time. */
  #read(): Promise<readonly Webhook[]> {
    this.#reading ??= this.#ask().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #ask(): Promise<readonly Webhook[]> {
    const askedAtMs = performance.now();
    const { webhooks, unreadable } = await this.store.read();
    this.#known = webhooks;
    this.#unreadable = unreadable;
    this.#readAtMs = askedAtMs;
    return this.#known;
  }
}
