import { tickOf } from '../bullmq/ticks.js';
import type { JobData } from '../jobs/job-data.js';
import { encodeRun } from '../jobs/schedule.js';
import type { Store } from '../layout/store.js';
import type { TallyJob } from './attempt.js';

/**
 * Notes how a run of a schedule ended, for those who list schedules.
 *
 * @param end the record of the job, or why it failed for good
 */
export function noteRun(
  { redis, keys, logger }: Pick<Store, 'redis' | 'keys' | 'logger'>,
  job: TallyJob,
  end: string,
): void {
  const tick = tickOf(job);
  if (tick === undefined) {
    return;
  }
  // Anybody may have made a scheduler, with whatever data.
  const { updates } = (job.data as Partial<JobData> | null) ?? {};
  const params = Array.isArray(updates) ? (updates as unknown[])[0] : undefined;
  const run = encodeRun({ atMs: tick.atMs, operation: job.name, params, end });
  redis.hset(keys.scheduleRuns, tick.scheduler, run).catch((error: unknown) => {
    logger.debug({ err: error, schedule: tick.scheduler }, 'could not note the run of a schedule');
  });
}
