import type { QueuePlace } from '../bullmq/queue-keys.js';
import { latestFailures } from '../bullmq/queue-state.js';
import { decodeFailure } from '../jobs/form.js';
import { distinctPartitions } from '../layout/layouts.js';
import { drainSeconds } from './queue-reading.js';
import { readRedis } from './redis-reading.js';
import type { ReadFrom } from './redis-reading.js';

/** Of so many failed jobs of a partition the reasons are counted, the latest first. */
const LOOKED_AT = 200;

/** How many failed jobs have a reason. */
interface FailedFor {
  readonly status: string;
  readonly reason: string;
  readonly jobs: number;
}

/** What waits in a queue, how long it will take, and what failed. Null where that is not known, or there is none. */
export interface QueueReport {
  readonly queue: string;
  readonly updatesWaiting: number | null;
  readonly jobs: Readonly<Record<'waiting' | 'active' | 'delayed' | 'failed', number>> | null;
  readonly oldestWaitingSeconds: number | null;
  /** Completed within the last minute, for each second of it. */
  readonly updatesPerSecond: number | null;
  /** At that pace; null also when nothing was completed, and something waits. */
  readonly drainSeconds: number | null;
  readonly oldestFailedSeconds: number | null;
  /** How much is over of the time within which the oldest keyed update that waits has to be applied: past 1 it is not. */
  readonly oldestKeyedWindowRatio: number | null;
  /** Of the latest 200 failed jobs of each partition. */
  readonly failedFor: readonly FailedFor[];
  readonly paused: boolean | null;
  readonly rateLimit: { readonly jobs: number; readonly perMs: number } | null;
  readonly concurrencyLimit: number | null;
  /** Those of the partition that has the fewest. */
  readonly workers: number | null;
  readonly foreignWorkers: number | null;
}

/** @throws whatever kept Redis from answering */
export async function reportQueues(source: ReadFrom): Promise<QueueReport[]> {
  const { queues } = await readRedis(source);
  return Promise.all(
    queues.map(async ({ queue, jobs, ...read }) => ({
      queue,
      updatesWaiting: read.updatesWaiting ?? null,
      jobs: jobs ? { waiting: jobs.waiting, active: jobs.active, delayed: jobs.delayed, failed: jobs.failed } : null,
      oldestWaitingSeconds: seconds(read.oldestWaitingAgeMs),
      updatesPerSecond: rounded(read.updatesPerSecond),
      drainSeconds: rounded(drainSeconds(read)),
      oldestFailedSeconds: seconds(read.oldestFailedAgeMs),
      oldestKeyedWindowRatio: rounded(read.windowRatio),
      failedFor: jobs?.failed === 0 ? [] : await readReasons(source, queue),
      paused: read.isPaused ?? null,
      rateLimit: read.rateLimit ?? null,
      concurrencyLimit: read.concurrency ?? null,
      workers: read.workers ?? null,
      foreignWorkers: read.foreignWorkers ?? null,
    })),
  );
}

async function readReasons({ redis, masters, layouts }: ReadFrom, queue: string): Promise<FailedFor[]> {
  const counts = new Map<string, { status: string; reason: string; jobs: number }>();
  const count = async (place: QueuePlace) => {
    for (const text of await latestFailures(redis, place, LOOKED_AT)) {
      const { status, reason } = decodeFailure(text) as { status: string; reason: string };
      const known = counts.get(`${status} ${reason}`) ?? { status, reason, jobs: 0 };
      known.jobs += 1;
      counts.set(`${status} ${reason}`, known);
    }
  };
  await Promise.all(
    distinctPartitions(await layouts.known()).map(async ({ prefix, slot }) => {
      if ((await masters.faultOf(slot)) === undefined) {
        await count({ prefix, queue });
      }
    }),
  );
  return [...counts.values()].sort((one, other) => other.jobs - one.jobs);
}

function seconds(ms: number | undefined): number | null {
  return rounded(ms === undefined ? undefined : ms / 1000);
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 1000) / 1000;
}
