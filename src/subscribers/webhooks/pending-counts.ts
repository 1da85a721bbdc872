import { waitingJobs } from '../../bullmq/job-ids.js';
import { jobKey, jobSetKey } from '../../bullmq/queue-keys.js';
import { DELIVERIES, webhookOf } from '../../jobs/webhook-reading.js';
import type { Connection } from '../../redis/connection.js';
import type { Keys } from '../../redis/keys.js';
import type { DeliveryQueue, SentEvent } from './delivery-queue.js';

/** Deliveries of one webhook that may wait: some 60 MB of Redis, for a target that is away. */
export const MOST_OF_WEBHOOK = 20_000;

/** Of all webhooks of one owner of API keys, from which on no replay adds any: as of two targets that are away. */
export const MOST_OF_OWNER = 40_000;

/** An event counts as one delivery for each of these that it has begun: large ones take no more memory than small ones. */
const BYTES_OF_ONE = 2_048;

/** Whose deliveries are too many to add more. */
export type TooManyOf = 'WEBHOOK' | 'OWNER';

/** Looked at together when they are counted anew. */
const AT_ONCE = 1_000;

/**
 * How many deliveries of each webhook wait, so that a target that is away can't fill Redis' memory. A process that dies may leave a
 * few counted that are done, and what the board removes or retries it does not count: they are counted anew from time to time, and
 * counting begins anew when none waits at all.
 */
export class PendingCounts {
  constructor(
    private readonly redis: Connection,
    private readonly keys: Pick<Keys, 'webhookPending' | 'deliveriesPrefix'>,
    private readonly queue: DeliveryQueue,
  ) {}

  /**
   * Counts deliveries that are about to be added. While there is room they may be more than that: events of any size get through.
   *
   * @param ofOwner all webhooks of the owner, where they count together
   * @returns of whom too many wait: then they are not counted; undefined when they are
   */
  async add(
    webhook: string,
    events: readonly SentEvent[],
    ofOwner: readonly string[] = [],
  ): Promise<TooManyOf | undefined> {
    const more = events.reduce((sum, event) => sum + countOf(event), 0);
    const args = [webhook, more, MOST_OF_WEBHOOK, MOST_OF_OWNER, ...ofOwner];
    const count = async () => (await this.redis.eval(ADD, 1, this.keys.webhookPending, ...args)) as TooManyOf | null;
    const tooMany = await count();
    if (tooMany === null || !(await this.#isIdle())) {
      return tooMany ?? undefined;
    }
    await this.redis.del(this.keys.webhookPending);
    return (await count()) ?? undefined;
  }

  async done(webhook: string, event: SentEvent): Promise<void> {
    await this.#change(webhook, -countOf(event));
  }

  /** Counts anew what waits for these webhooks, or runs. What is added or done meanwhile may be off until the next time. */
  async recount(webhooks: readonly string[]): Promise<void> {
    if (webhooks.length === 0) {
      return;
    }
    const { redis, keys } = this;
    const place = { prefix: keys.deliveriesPrefix, queue: DELIVERIES };
    const [counted, waiting, active] = await Promise.all([
      redis.hmget(keys.webhookPending, ...webhooks),
      waitingJobs(redis, place),
      redis.lrange(jobSetKey(place, 'active'), 0, -1),
    ]);
    const real = await this.#sum([...new Set([...waiting, ...active])]);
    for (const [index, webhook] of webhooks.entries()) {
      const off = (real.get(webhook) ?? 0) - Number(counted[index] ?? 0);
      await (off === 0 ? undefined : this.#change(webhook, off));
    }
  }

  /** @param ids of deliveries */
  async #sum(ids: readonly string[]): Promise<Map<string, number>> {
    const place = { prefix: this.keys.deliveriesPrefix, queue: DELIVERIES };
    const sums = new Map<string, number>();
    for (let start = 0; start < ids.length; start += AT_ONCE) {
      const page = ids.slice(start, start + AT_ONCE);
      const jobs = page.map((id) => jobKey(place, id));
      const sizes = (await this.redis.eval(SIZES, jobs.length, ...jobs)) as number[];
      for (const [index, id] of page.entries()) {
        const webhook = webhookOf(id);
        const around = JSON.stringify({ webhook, event: 0 }).length - 1;
        sums.set(webhook, (sums.get(webhook) ?? 0) + countOfBytes((sizes[index] ?? 0) - around));
      }
    }
    return sums;
  }

  async #change(webhook: string, by: number): Promise<void> {
    await this.redis.eval(CHANGE, 1, this.keys.webhookPending, webhook, by);
  }

  /** Of a webhook that was removed, with what waited for it. */
  async forget(webhook: string): Promise<void> {
    await this.redis.hdel(this.keys.webhookPending, webhook);
  }

  async #isIdle(): Promise<boolean> {
    const counts = await this.queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized');
    return Object.values(counts).every((count) => count === 0);
  }
}

function countOf(event: SentEvent): number {
  return countOfBytes(Buffer.byteLength(JSON.stringify(event)));
}

function countOfBytes(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / BYTES_OF_ONE));
}

/** How large the data of jobs is, in bytes: it may be too much to send. */
const SIZES = `
local sizes = {}
for n, key in ipairs(KEYS) do sizes[n] = #(redis.call('HGET', key, 'data') or '') end
return sizes`;

/** Never below zero: what was given up and is retried on the board may end before it is counted again. */
const CHANGE = `
local had = tonumber(redis.call('HMGET', KEYS[1], ARGV[1])[1] or 0)
redis.call('HINCRBY', KEYS[1], ARGV[1], math.max(0 - had, tonumber(ARGV[2])))`; // -had would be -0

/** In one step, as replays that run at a time would all find the last room. */
const ADD = `
local webhook, more, most, most_of_owner = unpack(ARGV)
local function waiting(...)
  local sum = 0
  for _, count in ipairs(redis.call('HMGET', KEYS[1], ...)) do sum = sum + math.max(0, tonumber(count or 0)) end
  return sum
end
if waiting(webhook) >= tonumber(most) then return 'WEBHOOK' end
if ARGV[5] and waiting(unpack(ARGV, 5)) >= tonumber(most_of_owner) then return 'OWNER' end
redis.call('HINCRBY', KEYS[1], webhook, more)
return false`;
