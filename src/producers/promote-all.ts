import { jobsThatWait } from '../bullmq/job-ids.js';
import { placeOf } from '../jobs/queues.js';
import type { TallyQueue } from '../jobs/queues.js';
import type { RedisClient } from '../redis/connection.js';
import { isRunOfSchedule } from './remove-waiting.js';

/** Sent to Redis at a time. */
const AT_ONCE = 100;

/** Has all delayed jobs of a queue run now, but for runs of schedules: those would run now in place of then. @returns how many do */
export async function promoteAllDelayed(redis: RedisClient, queue: TallyQueue): Promise<number> {
  const ids = (await jobsThatWait(redis, placeOf(queue), 'delayed')).filter((id) => !isRunOfSchedule(id));
  let promoted = 0;
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const page = await Promise.all(ids.slice(start, start + AT_ONCE).map((id) => promote(queue, id)));
    promoted += page.filter((isDone) => isDone).length;
  }
  return promoted;
}

async function promote(queue: TallyQueue, jobId: string): Promise<boolean> {
  const job = await queue.getJob(jobId);
  try {
    await job?.promote();
    return job !== undefined;
  } catch (error) {
    if ((await queue.getJobState(jobId)) === 'delayed') {
      throw error;
    }
    return false; // its time has come meanwhile
  }
}
