import { setTimeout as wait } from 'node:timers/promises';
import type { JobType } from 'bullmq';
import type { TallyQueue } from '../../../src/jobs/queues.js';
import { readJobs } from '../read-jobs.js';
import type { QueuePlace } from '../read-jobs.js';
import { SETTLED_RECEIPT_MS } from '../settings.js';
import type { World } from '../world.js';
import type { Nemesis } from './nemesis.js';
import { pickQueue } from './operators.js';

/** Jobs that operators take away. What Redis has lost can be sent again only if it is still known: not with a cut to come. */

const MAX_REMOVED = 5;

/**
 * A job that somebody sends once more after it was removed is a new one, which its receipt answers as long as it lives. So what
 * was sent just now is let alone for as long: requests that are sent again have arrived by then.
 */
const LET_ALONE_MS = SETTLED_RECEIPT_MS;

function placeOf({ name: queue, opts: { prefix = '' } }: TallyQueue): QueuePlace {
  return { prefix, queue };
}

/** Notes jobs as they are, for the oracle, before they go. */
async function note({ operator, acts }: World, queue: TallyQueue, ids: readonly string[]): Promise<void> {
  for (const job of await readJobs(operator, placeOf(queue), ids)) {
    acts.removed.set(job.name, job);
  }
}

function remove(state: JobType, weight: number): Nemesis {
  return {
    name: `operator: ${state} jobs removed`,
    weight,
    act: async (world, random) => {
      const queue = pickQueue(random, world.queues);
      const jobs = world.keyedOnly ? [] : await queue.getJobs([state], 0, 50);
      const own = jobs.filter(({ repeatJobKey }) => repeatJobKey === undefined); // a schedule stands still without its next run
      const chosen = random.shuffle(own).slice(0, random.int(1, MAX_REMOVED));
      if (chosen.length === 0) {
        return false;
      }
      await wait(LET_ALONE_MS);
      let removed = 0;
      for (const { id = '' } of chosen) {
        await note(world, queue, [id]);
        removed += await queue.remove(id);
      }
      return removed > 0;
    },
  };
}

/** Of a queue that is paused meanwhile, so that nothing ends while it is noted what there is. */
function clean(state: 'completed' | 'failed', weight: number): Nemesis {
  return {
    name: `operator: queue paused, ${state} jobs cleaned, and resumed`,
    weight,
    act: async (world, random) => {
      const queue = pickQueue(random, world.queues);
      if (world.keyedOnly || (await queue.isPaused()) || (await queue.getJobCountByTypes(state)) === 0) {
        return false;
      }
      await queue.pause();
      await wait(LET_ALONE_MS);
      let cleaned: string[] = [];
      if ((await queue.getActiveCount()) === 0) {
        const ids = (await queue.getJobs([state], 0, -1)).map(({ id = '' }) => id);
        await note(world, queue, ids);
        cleaned = await queue.clean(0, random.int(1, 50), state);
        const unseen = cleaned.find((id) => !ids.includes(id));
        if (unseen !== undefined) {
          world.acts.complaints.push(`the suite itself has cleaned a job that it had not noted: ${unseen}`);
        }
      }
      await queue.resume();
      return cleaned.length > 0;
    },
  };
}

export const removalNemeses: readonly Nemesis[] = [
  remove('delayed', 2),
  remove('waiting', 2),
  remove('failed', 2),
  remove('completed', 1),
  clean('completed', 1),
  clean('failed', 1),
];
