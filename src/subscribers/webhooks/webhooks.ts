import { z } from 'zod';
import { ConfigurationError, QueueUnavailableError, TallyError } from '../../errors.js';
import { checkOptions } from '../../lib/check-options.js';
import type { Store } from '../../layout/store.js';
import type { Registry } from '../../operations/registry.js';
import { toMs } from '../../redis/server-time.js';
import { boundedPattern, MAX_NAMES } from '../filter.js';
import type { OutcomeEvent } from '../event.js';
import type { Gap } from '../gap.js';
import type { OutcomeReader } from '../outcome-reader.js';
import type { Scope } from '../scope.js';
import { deliveryJob, removeDeliveries } from './delivery-queue.js';
import type { DeliveryQueue } from './delivery-queue.js';
import type { askTarget } from './handshake.js';
import { HandshakePlaces } from './handshake-places.js';
import type { PendingCounts, TooManyOf } from './pending-counts.js';
import { newSigningSecret } from './seal.js';
import type { Seal } from './seal.js';
import { checkTarget } from './target.js';
import type { TargetPolicy } from './target.js';
import { disabledAs, isFor, MAX_SECRETS, settingsShape } from './webhook.js';
import type { Webhook, WebhookSettings } from './webhook.js';
import { newWebhookId, WebhookNotFoundError } from './webhook-store.js';
import type { WebhookStore } from './webhook-store.js';

/** How long events are signed with the secret before as well, when it is replaced: a day, in ms. */
const ROTATION_MS = 24 * 3600 * 1000;

const ASK_TIMEOUT_MS = 10_000;

/** Jobs of the stream to read at a time: with fewer events than deliveries may wait. */
const JOBS_A_PAGE = 8;

/** Who adds webhooks, and may know of them. */
export interface WebhookOwner {
  /** Of an API key. Without one, by hand: all webhooks. */
  readonly owner?: string | undefined;
  /** What of it may be told: kept with the webhook. */
  readonly scope?: Scope | undefined;
}

export interface AddOptions extends WebhookOwner {
  /** Whether the target has to allow it, see `askTarget`. @defaultValue true */
  readonly handshake?: boolean | undefined;
}

/** What is shown of a webhook: all but its secrets. */
export type ShownWebhook = Omit<Webhook, 'signing' | 'token' | 'scope' | 'createdAtMs' | 'disabled'> & {
  readonly hasToken: boolean;
  readonly createdAt: string;
  readonly disabled?: { readonly why: string; readonly at: string };
};

/** Where a replay ended before its time. */
interface Cut {
  /** Whose deliveries wait: those of the webhook, {@link MOST_OF_WEBHOOK}, or of all that its owner has, {@link MOST_OF_OWNER}. */
  readonly by: TooManyOf;
  /** The time to go on from. */
  readonly since: string;
}

/** What became of a replay. */
export interface Replayed {
  readonly deliveries: number;
  /** Times of the first and the last event that is sent again. */
  readonly from?: string;
  readonly to?: string;
  /** What the stream did not hold any more. */
  readonly gap?: Gap;
  /** Too many deliveries wait to add more: replay from `since` on when they are fewer. */
  readonly cut?: Cut;
}

interface Deps extends Pick<Store, 'redis' | 'keys'> {
  readonly registry: Registry;
  readonly store: WebhookStore;
  readonly seal: Seal;
  readonly policy: TargetPolicy;
  /** As this system is called in `WebHook-Request-Origin`. */
  readonly origin: string;
  /** How many webhooks the owner of an API key may have. */
  readonly maxPerOwner: number;
  readonly reader: OutcomeReader;
  readonly queue: DeliveryQueue;
  readonly pending: PendingCounts;
}

/** Those that are stored may be of a version that took more. */
const settingsSchema = z.strictObject({
  ...settingsShape,
  operations: settingsShape.operations.unwrap().max(MAX_NAMES).optional(),
  keys: z.array(boundedPattern).min(1).max(MAX_NAMES).optional(),
});

/** What can be done with webhooks: by the API, and by hand. What sends the events is `createWebhookSender`. */
export class Webhooks {
  readonly #handshakes = new HandshakePlaces();

  constructor(private readonly deps: Deps) {}

  /**
   * @returns the webhook, and its secret, which is nowhere else in the open
   * @throws ConfigurationError for settings that don't fit, ForbiddenTargetError, HandshakeError; TallyError `RATE_LIMITED` when too
   * many targets are being asked
   */
  async add(settings: WebhookSettings, options: AddOptions = {}): Promise<{ webhook: ShownWebhook; secret: string }> {
    const { store, seal, origin, policy, maxPerOwner } = this.deps;
    const { token, perMinute, ...checked } = checkOptions('webhooks', settingsSchema, settings);
    this.#requireKnown(checked.operations ?? []);
    const { owner, scope, handshake = true } = options;
    const url = checkTarget(checked.url, policy);
    await store.requireRoom(owner, maxPerOwner); // whoever has too many does not have others asked either
    const asked = { origin, ...(perMinute && { perMinute }), ...(token !== undefined && { token }) };
    const allowed = handshake ? await this.#ask(url, asked, owner) : undefined;
    const rate = lesser(perMinute, allowed);
    const [id, secret] = [newWebhookId(), newSigningSecret()];
    const webhook: Webhook = {
      ...checked,
      url: url.href, // as it is sent to: the text that was given may hold line ends and codes of terminals
      id,
      origin,
      createdAtMs: await this.#now(),
      signing: [{ sealed: seal.seal(secret, id) }],
      ...(rate !== undefined && { perMinute: rate }),
      ...(token !== undefined && { token: seal.seal(token, id) }),
      ...(owner !== undefined && { owner }),
      ...(scope && { scope: { operations: scope.operations, keys: scope.keys } }),
    };
    if ((await store.count()) === 0) {
      await this.#beginNow();
    }
    await store.add(webhook, maxPerOwner);
    return { webhook: shown(webhook), secret };
  }

  async list({ owner }: WebhookOwner = {}): Promise<ShownWebhook[]> {
    const { webhooks } = await this.deps.store.read();
    return webhooks.filter((webhook) => owner === undefined || webhook.owner === owner).map(shown);
  }

  /** @throws WebhookNotFoundError */
  async get(id: string, by: WebhookOwner = {}): Promise<ShownWebhook> {
    return shown(await this.#find(id, by));
  }

  /** Deliveries that wait are removed with it: else whoever adds and removes webhooks would fill Redis. @throws WebhookNotFoundError */
  async remove(id: string, by: WebhookOwner = {}): Promise<void> {
    const { redis, keys, store, pending } = this.deps;
    if (by.owner !== undefined) {
      await this.#find(id, by);
    }
    if (!(await store.remove(id))) {
      throw new WebhookNotFoundError(id); // else also one that can't be read, as one of a newer version
    }
    await removeDeliveries(id, { redis, keys });
    await pending.forget(id);
  }

  /** Stops all deliveries, or lets them go on. What came meanwhile is not sent: replay it. @throws WebhookNotFoundError */
  async setEnabled(id: string, isEnabled: boolean, by: WebhookOwner = {}): Promise<ShownWebhook> {
    await this.#find(id, by);
    const atMs = await this.#now();
    const changed = await this.deps.store.change(id, (webhook) => {
      const { disabled: _, ...enabled } = webhook;
      return isEnabled ? enabled : disabledAs(webhook, 'BY_HAND', atMs);
    });
    return shown(changed);
  }

  /**
   * A new secret. Events are signed with those before, too, each for a day from when it was replaced.
   *
   * @throws WebhookNotFoundError; ConfigurationError when it has too many
   */
  async rotate(id: string, by: WebhookOwner = {}): Promise<{ webhook: ShownWebhook; secret: string }> {
    await this.#find(id, by);
    const secret = newSigningSecret();
    const nowMs = await this.#now();
    const changed = await this.deps.store.change(id, (webhook) => {
      const before = webhook.signing.filter(({ untilMs = Infinity }) => untilMs > nowMs);
      if (before.length >= MAX_SECRETS) {
        const message = `its secret was replaced ${MAX_SECRETS - 1} times within 24 hours, and all are still in force: wait`;
        throw new ConfigurationError(message);
      }
      const replaced = before.map(({ sealed, untilMs = nowMs + ROTATION_MS }) => ({ sealed, untilMs }));
      return { ...webhook, signing: [{ sealed: this.deps.seal.seal(secret, id) }, ...replaced] };
    });
    return { webhook: shown(changed), secret };
  }

  /**
   * Sends what the stream holds of a range once more, to a webhook that it is for.
   *
   * @param range from when on, and up to when, in ms. @defaultValue up to now
   * @throws WebhookNotFoundError
   */
  async replay(
    id: string,
    range: { sinceMs: number; untilMs?: number | undefined },
    by: WebhookOwner = {},
  ): Promise<Replayed> {
    const webhook = await this.#find(id, by);
    if (webhook.disabled !== undefined) {
      throw new TallyError('WEBHOOK_DISABLED', `the webhook is disabled (${webhook.disabled.why}): enable it first`);
    }
    const { reader, queue } = this.deps;
    const nowMs = await this.#now();
    const { sinceMs, untilMs = nowMs } = range;
    const name = `r${nowMs.toString(36)}`;
    let cursor = await reader.cursorAt({ sinceMs });
    let replayed: Replayed = { deliveries: 0 };
    for (;;) {
      const page = await reader.read(cursor, JOBS_A_PAGE);
      const inTime = page.events.filter(({ event }) => Date.parse(event.time) <= untilMs);
      const events = inTime.filter((told) => isFor(told, webhook)).map(({ event }) => event);
      replayed = { ...replayed, ...(page.gap && { gap: joined(replayed.gap, page.gap) }) };
      const by = events.length === 0 ? undefined : await this.#tooManyWith(webhook, events);
      if (by !== undefined) {
        return { ...replayed, cut: { by, since: replayed.to ?? new Date(sinceMs).toISOString() } };
      }
      await queue.addBulk(events.map((event) => deliveryJob(id, event, name)));
      replayed = extended(replayed, events);
      if (page.readToMs > untilMs) {
        return replayed;
      }
      if (page.isLast) {
        const what = 'a master of the Cluster does not answer, so that not all was replayed: replay it again';
        throw new QueueUnavailableError(what, { accepted: 'none' });
      }
      cursor = page.cursor;
    }
  }

  /** Only replays are stopped by what the owner's other webhooks have waiting: what happens anew is handed out all the same. */
  async #tooManyWith({ id, owner }: Webhook, events: readonly OutcomeEvent[]): Promise<TooManyOf | undefined> {
    const { store, pending } = this.deps;
    const { webhooks } = await store.read();
    const ofOwner = webhooks.filter((other) => other.id === id || (owner !== undefined && other.owner === owner));
    const ids = ofOwner.map((webhook) => webhook.id);
    if (!ids.includes(id)) {
      throw new WebhookNotFoundError(id); // it was removed meanwhile
    }
    return await pending.add(id, events, ids);
  }

  async #find(id: string, { owner }: WebhookOwner): Promise<Webhook> {
    const webhook = await this.deps.store.get(id);
    if (owner !== undefined && webhook.owner !== owner) {
      throw new WebhookNotFoundError(id);
    }
    return webhook;
  }

  async #ask(url: URL, asked: Parameters<typeof askTarget>[1], owner: string | undefined): Promise<number | undefined> {
    const { policy } = this.deps;
    const leave = this.#handshakes.take(owner);
    try {
      // Loaded now: undici is a tenth of what a command took to start, and most never ask.
      const [{ createTargetAgent }, handshake] = await Promise.all([
        import('./target-agent.js'),
        import('./handshake.js'),
      ]);
      const agent = createTargetAgent(policy, ASK_TIMEOUT_MS);
      try {
        return await handshake.askTarget(url, asked, { agent, policy, timeoutMs: ASK_TIMEOUT_MS });
      } finally {
        await agent.destroy();
      }
    } finally {
      leave();
    }
  }

  /** What was told before the first webhook is for none: else whoever adds it would be told of a gap. */
  async #beginNow(): Promise<void> {
    const { redis, keys, reader } = this.deps;
    await redis.hset(keys.webhookFanOut, 'cursor', await reader.cursorAt('now'));
  }

  #requireKnown(operations: readonly string[]): void {
    const { registry } = this.deps;
    const unknown = operations.find((name) => registry.find(name) === undefined);
    if (unknown !== undefined) {
      throw new ConfigurationError(`webhooks: operations: there is no operation "${unknown}"`);
    }
  }

  async #now(): Promise<number> {
    return toMs(await this.deps.redis.time());
  }
}

function lesser(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

/** One gap from the first one on to the end of the other. */
function joined(one: Gap | undefined, { from, to, lost }: Gap): Gap {
  const first = one ?? { from, lost: 0 };
  const sum = first.lost === undefined || lost === undefined ? undefined : first.lost + lost;
  return {
    ...(first.from !== undefined && { from: first.from }),
    ...(to !== undefined && { to }),
    ...(sum !== undefined && { lost: sum }),
  };
}

function extended(replayed: Replayed, events: readonly { readonly time: string }[]): Replayed {
  const [first, last] = [events[0], events.at(-1)];
  return first === undefined || last === undefined
    ? replayed
    : {
        ...replayed,
        deliveries: replayed.deliveries + events.length,
        from: replayed.from ?? first.time,
        to: last.time,
      };
}

function shown({ signing: _, scope: __, token, createdAtMs, disabled, ...webhook }: Webhook): ShownWebhook {
  return {
    ...webhook,
    hasToken: token !== undefined,
    createdAt: new Date(createdAtMs).toISOString(),
    ...(disabled && { disabled: { why: disabled.why, at: new Date(disabled.atMs).toISOString() } }),
  };
}
