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

/**
 * How many deliveries of each webhook wait, so that a target that is away can't fill Redis' memory. A process that dies may leave a
 * few counted that are done; when none waits at all, counting begins anew.
 */
export class PendingCounts {
  constructor(
    private readonly redis: Connection,
    private readonly keys: Pick<Keys, 'webhookPending'>,
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
    await this.redis.hincrby(this.keys.webhookPending, webhook, -countOf(event));
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
  return Math.ceil(Buffer.byteLength(JSON.stringify(event)) / BYTES_OF_ONE);
}

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
