import { jobKey, jobSetKey } from '../../src/bullmq/queue-keys.js';
import { parseStored, readStoredJob } from '../../src/bullmq/stored-job.js';
import { DELIVERIES, webhookOf } from '../../src/jobs/webhook-reading.js';
import type { RedisClient } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';

/** How the deliveries of a webhook are doing. */
export interface WebhookDeliveries {
  /** Not done, about. */
  readonly waiting: number;
  /** Those of them that have failed at least once. */
  readonly retrying: number;
  /** Given up. */
  readonly failed: number;
  /** The last one that its target took, and what it answered; undefined when none is known any more. */
  readonly taken: { readonly atMs: number; readonly answer: string } | undefined;
  /** Why one of those that failed was not taken; undefined when none has. */
  readonly fault: string | undefined;
}

export interface DeliveriesByWebhook {
  of(webhook: string): WebhookDeliveries;
  /** Whether there are more than were looked at: then what they add is not counted. */
  readonly isCut: boolean;
}

/** Looked at of each state, the latest. */
export const LOOKED = 5_000;

/** Reads the deliveries of all webhooks by the ids of their jobs, and two jobs of each webhook. */
export async function readDeliveries(
  redis: RedisClient,
  keys: Pick<Keys, 'webhookPending' | 'deliveriesPrefix'>,
  webhooks: readonly string[],
): Promise<DeliveriesByWebhook> {
  const place = { prefix: keys.deliveriesPrefix, queue: DELIVERIES };
  const latest = (state: 'delayed' | 'failed' | 'completed') => redis.zrevrange(jobSetKey(place, state), 0, LOOKED - 1);
  const [pending, delayed, failed, completed] = await Promise.all([
    redis.hgetall(keys.webhookPending),
    latest('delayed'),
    latest('failed'),
    latest('completed'),
  ]);
  const [retryingOf, failedOf, completedOf] = [delayed, failed, completed].map(byWebhook) as [Ids, Ids, Ids];
  const read = webhooks.map(async (webhook): Promise<[string, WebhookDeliveries]> => {
    const [retrying = [], givenUp = []] = [retryingOf.get(webhook), failedOf.get(webhook)];
    const [[lastTaken], [lastFault]] = [completedOf.get(webhook) ?? [], [...retrying, ...givenUp]];
    const [taken, fault] = await Promise.all([
      lastTaken === undefined ? undefined : readStoredJob(redis, jobKey(place, lastTaken), ['returned', 'endedAtMs']),
      lastFault === undefined ? undefined : readStoredJob(redis, jobKey(place, lastFault), ['failedReason']),
    ]);
    const answer = parseStored(taken?.returned);
    return [
      webhook,
      {
        waiting: Math.max(0, Number(pending[webhook] ?? 0)),
        retrying: retrying.length,
        failed: givenUp.length,
        taken: typeof answer === 'string' ? { atMs: Number(taken?.endedAtMs), answer } : undefined,
        fault: fault?.failedReason ?? undefined,
      },
    ];
  });
  const found = new Map(await Promise.all(read));
  return {
    of: (webhook) => found.get(webhook) ?? NONE,
    isCut: delayed.length === LOOKED || failed.length === LOOKED,
  };
}

const NONE: WebhookDeliveries = { waiting: 0, retrying: 0, failed: 0, taken: undefined, fault: undefined };

type Ids = ReadonlyMap<string, readonly string[]>;

function byWebhook(ids: readonly string[]): Ids {
  const found = new Map<string, string[]>();
  for (const id of ids) {
    const ofOne = found.get(webhookOf(id)) ?? [];
    found.set(webhookOf(id), ofOne);
    ofOne.push(id);
  }
  return found;
}
