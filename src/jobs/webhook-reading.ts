import { jobKey, jobSetKey } from '../bullmq/queue-keys.js';
import type { QueuePlace } from '../bullmq/queue-keys.js';
import { countJobs } from '../bullmq/queue-state.js';
import { parseStored, readStoredJob } from '../bullmq/stored-job.js';
import type { RedisClient } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { toMs } from '../redis/server-time.js';

/** The queue of deliveries. No operation can have one of this name, since names of operations hold no dash. */
export const DELIVERIES = 'webhook-deliveries';

/** The id of the webhook that a delivery is for: that of its job begins with it. */
export function webhookOf(deliveryId: string): string {
  return deliveryId.slice(0, deliveryId.indexOf('-'));
}

/** What on-call has to know of a webhook. */
export interface WebhookReading {
  readonly id: string;
  /** Where it leads: the rest of a URL may be a secret. */
  readonly host: string;
  /** Why nothing is sent to it; undefined while something is. */
  readonly disabled: string | undefined;
  /** Deliveries that are not done, about: one of a large event counts as several. */
  readonly pending: number;
}

/** How webhooks are doing. */
export interface WebhooksReading {
  readonly webhooks: readonly WebhookReading[];
  /** Those that wait for their first attempt, or run; that wait to be tried again; that were given up. */
  readonly deliveries: Readonly<Record<'waiting' | 'retrying' | 'failed', number>>;
  /**
   * How long ago, in ms, the delivery was made that waits for the longest; 0 when none does. Of many that are tried again, those are
   * looked at whose turn comes first and last.
   */
  readonly oldestMs: number;
  /** The id of the webhook that it is for; undefined when none waits. */
  readonly oldestOf: string | undefined;
  /** How long ago, in ms, an outcome was told that is not handed out yet; 0 when all are. Undefined on a Cluster. */
  readonly behindMs: number | undefined;
}

type WebhookKeys = Pick<Keys, 'outcomes' | 'webhooks' | 'webhookFanOut' | 'webhookPending' | 'deliveriesPrefix'>;

/** So many of each end of those that wait are looked at. */
const LOOKED = 20;

/** @returns undefined where there are no webhooks, and never were */
export async function readWebhooks(
  redis: RedisClient,
  keys: WebhookKeys,
  isCluster: boolean,
): Promise<WebhooksReading | undefined> {
  const place = { prefix: keys.deliveriesPrefix, queue: DELIVERIES };
  const [stored, pending, counts] = await Promise.all([
    redis.hgetall(keys.webhooks),
    redis.hgetall(keys.webhookPending),
    countJobs(redis, place, ['waiting', 'active', 'prioritized', 'delayed', 'failed']),
  ]);
  const { waiting, active, prioritized, delayed, failed } = counts;
  const all = Object.entries(stored).map(([id, text]) => ({ id, ...readStored(text) }));
  if (all.length === 0 && waiting + active + prioritized + delayed + failed === 0) {
    return undefined;
  }
  const nowMs = toMs(await redis.time());
  const served = all.filter(({ disabled }) => disabled === undefined);
  return {
    webhooks: all.map(({ id, host, disabled }) => {
      return { id, host, disabled, pending: Math.max(0, Number(pending[id] ?? 0)) };
    }),
    deliveries: { waiting: waiting + active + prioritized, retrying: delayed, failed },
    ...(await readOldest(redis, place, nowMs)),
    behindMs: isCluster ? undefined : await readBehindMs(redis, keys, served, nowMs),
  };
}

/** What `src/subscribers/webhooks/webhook.ts` keeps of one; of a newer version at least that it is there. */
function readStored(text: string): Omit<WebhookReading, 'id' | 'pending'> & { readonly createdAtMs: number } {
  const { url, disabled, createdAtMs } = (parseStored(text) ?? {}) as {
    url?: string;
    disabled?: { why?: string };
    createdAtMs?: number;
  };
  const host = typeof url === 'string' && URL.canParse(url) ? new URL(url).host : 'unknown';
  return { host, disabled: disabled && String(disabled.why), createdAtMs: createdAtMs ?? 0 };
}

async function readOldest(
  redis: RedisClient,
  place: QueuePlace,
  nowMs: number,
): Promise<Pick<WebhooksReading, 'oldestMs' | 'oldestOf'>> {
  const delayed = jobSetKey(place, 'delayed');
  const looks = await Promise.all([
    redis.lrange(jobSetKey(place, 'waiting'), -1, -1),
    redis.lrange(jobSetKey(place, 'active'), -LOOKED, -1),
    redis.zrange(delayed, '0', String(LOOKED - 1)),
    redis.zrange(delayed, String(-LOOKED), '-1'),
  ]);
  const ids = [...new Set(looks.flat())];
  const jobs = await Promise.all(ids.map((id) => readStoredJob(redis, jobKey(place, id), ['addedAtMs'])));
  const ages = jobs.map(({ addedAtMs }) => (addedAtMs === null ? 0 : nowMs - Number(addedAtMs)));
  const oldestMs = Math.max(0, ...ages);
  const oldestId = ids[ages.indexOf(oldestMs)];
  return { oldestMs, oldestOf: oldestId && webhookOf(oldestId) };
}

/** Since when the first outcome waits that comes after the cursor of the process that hands them out. */
async function readBehindMs(
  redis: RedisClient,
  keys: WebhookKeys,
  served: readonly { readonly createdAtMs: number }[],
  nowMs: number,
): Promise<number> {
  if (served.length === 0) {
    return 0;
  }
  const cursor = await redis.hget(keys.webhookFanOut, 'cursor');
  const [, entryId] = /^\d+ (\d+-\d+) /.exec(Buffer.from(cursor ?? '', 'base64url').toString('latin1')) ?? [];
  const from =
    entryId === undefined ? String(Math.min(...served.map(({ createdAtMs }) => createdAtMs))) : `(${entryId}`;
  const [next] = await redis.xrange(keys.outcomes, from, '+', 'COUNT', 1);
  return next === undefined ? 0 : Math.max(0, nowMs - parseInt(next[0], 10)); // ids of entries begin with Redis' time
}
