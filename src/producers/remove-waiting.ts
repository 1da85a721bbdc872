import { jobsThatWait } from '../bullmq/job-ids.js';
import { jobKey } from '../bullmq/queue-keys.js';
import type { QueuePlace } from '../bullmq/queue-keys.js';
import { removeWaiting } from '../bullmq/scripts.js';
import { parseStored, readStoredJob } from '../bullmq/stored-job.js';
import { isUpkeep } from '../operations/reservations.js';
import type { RedisClient } from '../redis/connection.js';
import type { ChangedJob, ChangeRecord } from './failures/change-record.js';

/** How jobs wait: for a worker, by priority or not, or for their time. */
export const WAITING_STATES = ['waiting', 'prioritized', 'delayed'] as const;

export type WaitingState = (typeof WAITING_STATES)[number];

/** Whether a job is a run of a schedule: without the next one that would stand still, and goes on from whenever that has run. */
export function isRunOfSchedule(jobId: string): boolean {
  return jobId.startsWith('repeat:');
}

const AT_ONCE = 200;

/** Reads the jobs that wait in one way, but for the next runs of schedules and what gives back reservations. @param most jobs to read */
export async function readWaiting(
  redis: RedisClient,
  place: QueuePlace,
  state: WaitingState,
  most = Infinity,
): Promise<ChangedJob[]> {
  const ids = (await jobsThatWait(redis, place, state)).filter((id) => !isRunOfSchedule(id)).slice(0, most);
  const jobs: ChangedJob[] = [];
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const page = ids.slice(start, start + AT_ONCE);
    const read = await Promise.all(page.map((id) => readStoredJob(redis, jobKey(place, id), ['name', 'data'])));
    for (const [index, { name, data }] of read.entries()) {
      const operation = name ?? 'unknown';
      if (isUpkeep(operation)) {
        continue;
      }
      const { updates } = (parseStored(data) ?? {}) as { updates?: unknown };
      const count = Array.isArray(updates) ? Math.max(1, updates.length) : 1;
      jobs.push({ queue: place.queue, jobId: page[index] ?? '', operation, updates: count });
    }
  }
  return jobs;
}

/** Removes jobs that wait in one way: they do not run any more. @returns those that were removed; others run, or have run */
export function removeThoseWaiting(
  redis: RedisClient,
  place: QueuePlace,
  state: WaitingState,
  jobs: readonly ChangedJob[],
  record: ChangeRecord,
): Promise<ChangedJob[]> {
  const ids = (page: readonly ChangedJob[]) => page.map(({ jobId }) => jobId);
  return record.change(jobs, (page) => removeWaiting(redis, place, state, ids(page)));
}
