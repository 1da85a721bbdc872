import type { BoardHooks } from '@bull-board/api/typings/app';
import type { Job } from 'bullmq';
import { DELIVERIES } from '../../src/jobs/webhook-reading.js';
import { GIVES_BACK, isUpkeep } from '../../src/operations/reservations.js';
import { isRunOfSchedule } from '../../src/producers/remove-waiting.js';
import { countWords } from '../words.js';
import { ReadableQueue } from './readable-queue.js';
import { isEndedByTally } from './words.js';

type BeforeHook = NonNullable<BoardHooks['before']>;
type HttpError = Awaited<ReturnType<BeforeHook>>;

const ADDED_BY_HAND = refusal(
  405,
  'jobs are made by producers only, which give them ids that make a repeat safe; use `tally submit` or the API',
);
const EDITED = refusal(
  405,
  'the data of a job can not be edited: its outcomes and receipts belong to them; submit a new update instead',
);
const REMOVED = refusal(
  409,
  'updates that were accepted are removed on the pages that say how many they are and of what: /ops/failures/remove for those ' +
    'that failed, /ops/remove-waiting for those that wait',
);
const OBLITERATED = refusal(
  405,
  'a queue can not be obliterated: what waits and what failed is removed on the pages that say how much it is, and the rest by its age',
);
const OF_SCHEDULE = refusal(
  405,
  'schedules are put, paused, resumed and removed by `tally schedules`, the library or the API, which keep what runs and what /ops/schedules ' +
    'shows the same',
);
const RUN_OF_SCHEDULE = refusal(
  409,
  'it is a run of a schedule, which would miss it: put the schedule at another time by `tally schedules`, the library or the API, or submit ' +
    'its update by itself to have it applied now',
);
const UPKEEP = refusal(409, `it can be retried, but not removed, nor put off: ${GIVES_BACK}`);
const COMPLETED = refusal(
  409,
  'a job that Tally completed has taken effect, and running it again would change nothing; those that another program ' +
    'completed can be retried one by one',
);

/**
 * Refuses what the board can do by itself but Tally does not want done. The board's own options only hide
 * buttons, and there is none for adding and editing.
 */
export const refuseAction: BeforeHook = async ({ route, request }) => {
  const { queueName, jobId, queueStatus } = request.params as Partial<Record<string, string>>;
  const jobOf = async () => (await request.queues.get(queueName ?? '')?.getJob(jobId ?? '')) as Job | undefined;
  switch (route) {
    case '/api/queues/:queueName/add':
    case '/api/queues/:queueName/job-schedulers/:schedulerId/run':
      return ADDED_BY_HAND;
    case '/api/queues/:queueName/job-schedulers/:schedulerId':
    case '/api/queues/:queueName/job-schedulers/:schedulerId/remove':
      return OF_SCHEDULE;
    case '/api/queues/:queueName/:jobId/update-data':
      return EDITED;
    case '/api/queues/:queueName/clean/:queueStatus':
      return queueStatus === 'completed'
        ? refuseNotApplied(request.queues.get(queueName ?? ''))
        : refuseToRemove(queueName);
    case '/api/queues/:queueName/empty':
      return refuseToRemove(queueName);
    case '/api/queues/:queueName/obliterate':
      return OBLITERATED;
    case '/api/queues/:queueName/retry/:queueStatus':
      return queueStatus === 'completed' ? COMPLETED : undefined;
    case '/api/queues/:queueName/:jobId/promote':
      return isRunOfSchedule(jobId ?? '') ? RUN_OF_SCHEDULE : undefined;
    case '/api/queues/:queueName/:jobId/clean':
    case '/api/queues/:queueName/:jobId/delay':
    case '/api/queues/:queueName/:jobId/priority': {
      if (route !== '/api/queues/:queueName/:jobId/clean' && isRunOfSchedule(jobId ?? '')) {
        return RUN_OF_SCHEDULE;
      }
      const job = await jobOf();
      return job !== undefined && isUpkeep(job.name) ? UPKEEP : undefined;
    }
    case '/api/queues/:queueName/:jobId/retry': {
      const job = await jobOf();
      return job !== undefined && isEndedByTally(job) && (await job.getState()) === 'completed' ? COMPLETED : undefined;
    }
    default:
      return undefined;
  }
};

/** Deliveries to webhooks are no updates: the board itself removes them. */
function refuseToRemove(queueName: string | undefined): HttpError {
  return queueName === DELIVERIES ? undefined : REMOVED;
}

/** What another program completed stands among the completed jobs, and was not applied. */
async function refuseNotApplied(queue: unknown): Promise<HttpError> {
  const jobs = queue instanceof ReadableQueue ? await queue.countForeign() : 0;
  return jobs === 0
    ? undefined
    : refusal(
        409,
        `${countWords(jobs, 'job')} that another program completed ${jobs === 1 ? 'was' : 'were'} not applied: retry or remove ` +
          'them at /ops/failures first, reason FOREIGN_WORKER',
      );
}

function refusal(status: 405 | 409, message: string): HttpError {
  return { allow: false, status, message };
}
