import { randomBytes } from 'node:crypto';
import { ConfigurationError, TallyError } from '../../errors.js';
import type { Connection } from '../../redis/connection.js';
import type { Keys } from '../../redis/keys.js';
import { fromStored, toStored } from './webhook.js';
import type { Webhook } from './webhook.js';
import { MAX_WEBHOOKS } from './webhook-options.js';

/** There is no such webhook, or the caller may not know of it. */
export class WebhookNotFoundError extends TallyError {
  override readonly name = 'WebhookNotFoundError';

  constructor(id: string) {
    super('WEBHOOK_NOT_FOUND', `there is no webhook "${id}"`);
  }
}

/** The webhooks that were added and not removed. */
export interface StoredWebhooks {
  /** In the order in which they were added. */
  readonly webhooks: readonly Webhook[];
  /** Ids of those that this version can't make sense of, as a newer one has added them. */
  readonly unreadable: readonly string[];
}

/** The webhooks in Redis: one hash, from ids to all about them. */
export class WebhookStore {
  constructor(
    private readonly redis: Connection,
    private readonly keys: Pick<Keys, 'webhooks'>,
  ) {}

  async read(): Promise<StoredWebhooks> {
    const webhooks: Webhook[] = [];
    const unreadable: string[] = [];
    for (const [id, text] of Object.entries(await this.redis.hgetall(this.keys.webhooks))) {
      const webhook = fromStored(id, text);
      if (webhook === undefined) {
        unreadable.push(id);
      } else {
        webhooks.push(webhook);
      }
    }
    webhooks.sort((one, other) => one.createdAtMs - other.createdAtMs || (one.id < other.id ? -1 : 1));
    return { webhooks, unreadable };
  }

  count(): Promise<number> {
    return this.redis.hlen(this.keys.webhooks);
  }

  /** @throws WebhookNotFoundError */
  async get(id: string): Promise<Webhook> {
    const text = await this.redis.hget(this.keys.webhooks, id);
    const webhook = text === null ? undefined : fromStored(id, text);
    if (webhook === undefined) {
      throw new WebhookNotFoundError(id);
    }
    return webhook;
  }

  /**
   * Makes sure that one more may be added at this moment, see {@link add}.
   *
   * @throws ConfigurationError when there are too many
   */
  requireRoom(owner: string | undefined, maxPerOwner: number): Promise<void> {
    return this.#add('', '', owner, maxPerOwner);
  }

  /**
   * @param maxPerOwner how many the owner of an API key may have; those that are added by hand have no owner
   * @throws ConfigurationError when there are too many
   */
  add(webhook: Webhook, maxPerOwner: number): Promise<void> {
    return this.#add(webhook.id, toStored(webhook), webhook.owner, maxPerOwner);
  }

  async #add(id: string, stored: string, owner: string | undefined, maxPerOwner: number): Promise<void> {
    const ofOwner = owner === undefined ? [] : [JSON.stringify({ owner }).slice(1, -1)];
    const refused = await this.redis.eval(
      ADD,
      1,
      this.keys.webhooks,
      id,
      stored,
      MAX_WEBHOOKS,
      maxPerOwner,
      ...ofOwner,
    );
    if (refused === 'all') {
      throw new ConfigurationError(`there are ${MAX_WEBHOOKS} webhooks already: remove those that nobody uses`);
    }
    if (refused === 'owner') {
      const what = `the API keys' owner "${owner ?? ''}" has ${maxPerOwner} webhooks already, as many as one may`;
      const fix = 'remove those that nobody uses, or have TALLY_WEBHOOK_MAX_PER_OWNER raised';
      throw new ConfigurationError(`${what}: ${fix}`);
    }
  }

  /**
   * Changes one as it is stored at this moment.
   *
   * @throws WebhookNotFoundError when it was removed: it does not come back
   */
  async change(id: string, change: (webhook: Webhook) => Webhook): Promise<Webhook> {
    for (;;) {
      const before = await this.redis.hget(this.keys.webhooks, id);
      const webhook = before === null ? undefined : fromStored(id, before);
      if (before === null || webhook === undefined) {
        throw new WebhookNotFoundError(id);
      }
      const changed = change(webhook);
      if (await this.#replace(id, before, toStored(changed))) {
        return changed;
      }
    }
  }

  /** @returns whether there was one with this id */
  async remove(id: string): Promise<boolean> {
    return (await this.redis.hdel(this.keys.webhooks, id)) === 1;
  }

  async #replace(id: string, before: string, after: string): Promise<boolean> {
    return (await this.redis.eval(REPLACE, 1, this.keys.webhooks, id, before, after)) === 1;
  }
}

/**
 * Without an id, only whether there is room. In one step, as two requests at a time would both find room for one. The owner is looked for as JSON has it, which no other text in a
 * webhook can hold, since quotes in it are escaped: to decode them all would hold Redis up. By HGETALL, as those who add may not run HVALS.
 */
const ADD = `
local id, webhook, most, limit, owner = unpack(ARGV)
if redis.call('HLEN', KEYS[1]) >= tonumber(most) then return 'all' end
local count = 0
for _, text in ipairs(owner and redis.call('HGETALL', KEYS[1]) or {}) do
  if string.find(text, owner, 1, true) then count = count + 1 end
end
if owner and count >= tonumber(limit) then return 'owner' end
if id ~= '' then redis.call('HSET', KEYS[1], id, webhook) end
return false`;

/** Two that change a webhook at a time do not undo each other's change. */
const REPLACE = `
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`;

/** An id for a webhook: nobody can guess those of others. */
export function newWebhookId(): string {
  return `wh_${randomBytes(9).toString('hex')}`;
}
