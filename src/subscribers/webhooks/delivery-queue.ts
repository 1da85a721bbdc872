import type { JobsOptions, Queue } from 'bullmq';
import { bullmq } from '../../bullmq/bullmq.js';
import { DELIVERIES } from '../../jobs/webhook-reading.js';
import { jobsThatWait } from '../../bullmq/job-ids.js';
import type { Store } from '../../layout/store.js';
import { ChangeRecord } from '../../producers/failures/change-record.js';
import { removeThoseWaiting, WAITING_STATES } from '../../producers/remove-waiting.js';
import type { OutcomeEvent } from '../event.js';
import type { GapEvent } from '../gap-event.js';
import { messageId } from './message.js';
import { DELIVERY_ATTEMPTS } from './retry-schedule.js';

/** What is sent: an outcome, or that some are missing. */
export type SentEvent = OutcomeEvent | GapEvent;

/** What a delivery's job holds. */
export interface Delivery {
  /** The id of the webhook. */
  readonly webhook: string;
  readonly event: SentEvent;
  /** The attempt, counted from 0, for which a turn at the rate of the target was taken. */
  readonly turnOf?: number;
}

export type DeliveryQueue = Queue<Delivery, string>;

const DAY_SECONDS = 24 * 3600;

/** Those that are done stay so long that a repeated fan-out finds them, and can be looked at on the board. */
const OPTIONS: JobsOptions = {
  attempts: DELIVERY_ATTEMPTS,
  backoff: { type: 'standard-webhooks' },
  removeOnComplete: { age: DAY_SECONDS, count: 10_000 },
  removeOnFail: { age: 14 * DAY_SECONDS, count: 20_000 },
};

export function openDeliveries({ redis, keys, logger }: Pick<Store, 'redis' | 'keys' | 'logger'>): DeliveryQueue {
  const queue: DeliveryQueue = new (bullmq().Queue)(DELIVERIES, {
    connection: redis,
    prefix: keys.deliveriesPrefix,
    skipWaitingForReady: true,
    skipVersionCheck: true,
  });
  queue.on('error', (error) => {
    logger.debug({ err: error, queue: DELIVERIES }, 'queue error');
  });
  return queue;
}

/**
 * The job that delivers an event: added again it is the same job, and does nothing, for as long as it is kept.
 *
 * @param replay names the replay that it belongs to, which delivers what was delivered before
 */
export function deliveryJob(webhook: string, event: SentEvent, replay?: string) {
  const jobId = startOfIds(webhook) + [messageId(event), ...(replay === undefined ? [] : [replay])].join('-');
  return { name: event.type, data: { webhook, event }, opts: { ...OPTIONS, jobId } };
}

function startOfIds(webhook: string): string {
  return `${webhook}-`;
}

/** Removes all deliveries to a webhook that wait, for whatever; those that run end by themselves. */
export async function removeDeliveries(webhook: string, { redis, keys }: Pick<Store, 'redis' | 'keys'>): Promise<void> {
  const place = { prefix: keys.deliveriesPrefix, queue: DELIVERIES };
  for (const state of WAITING_STATES) {
    const ids = await jobsThatWait(redis, place, state);
    const theirs = ids.filter((id) => id.startsWith(startOfIds(webhook)));
    const jobs = theirs.map((jobId) => ({ queue: DELIVERIES, jobId, operation: 'delivery', updates: 1 }));
    await removeThoseWaiting(redis, place, state, jobs, new ChangeRecord());
  }
}
