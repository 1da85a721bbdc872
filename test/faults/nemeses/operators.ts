import { setTimeout as wait } from 'node:timers/promises';
import type { Job } from 'bullmq';
import { settledRecord } from '../../../src/jobs/queues.js';
import type { TallyQueue } from '../../../src/jobs/queues.js';
import { formOfJob } from '../../../src/jobs/job-data.js';
import { jobName, queueName } from '../oracle/job-record.js';
import type { Random } from '../random.js';
import { SETTLED_RECEIPT_MS } from '../settings.js';
import type { World } from '../world.js';
import type { Nemesis } from './nemesis.js';

/** Jobs to choose from, newest first. */
const LOOK_AT = 200;

type State = 'completed' | 'failed' | 'delayed';

/** Does something to some jobs of a state. Says whether it could do it to any. */
async function toSome(
  { queues }: World,
  random: Random,
  state: State,
  act: (job: Job, queue: TallyQueue) => Promise<unknown>,
): Promise<boolean> {
  const queue = pickQueue(random, queues);
  const jobs = await queue.getJobs([state], 0, LOOK_AT);
  let done = 0;
  for (const job of random.shuffle(jobs).slice(0, random.int(1, 5))) {
    if (state === 'delayed' && job.repeatJobKey !== undefined) {
      continue; // no one may move the next run of a schedule
    }
    try {
      await act(job, queue);
      done += 1;
    } catch {
      // it is in this state no more
    }
  }
  return done > 0;
}

export function pickQueue(random: Random, queues: readonly TallyQueue[]): TallyQueue {
  return random.pick(queues as [TallyQueue]);
}

function nameOfJobIn({ name: queue, opts: { prefix = '' } }: TallyQueue, { id = '', data, timestamp }: Job): string {
  const addedAtMs = formOfJob(data) === undefined ? timestamp : undefined;
  return jobName({ prefix, queue, id, ...(addedAtMs !== undefined && { addedAtMs }) });
}

function retry(state: 'completed' | 'failed', weight: number): Nemesis {
  return {
    name: `operator: ${state} jobs retried`,
    weight,
    act: (world, random) =>
      toSome(world, random, state, (job, queue) => {
        if (state === 'failed') {
          world.acts.retried.add(nameOfJobIn(queue, job));
        }
        return job.retry(state);
      }),
  };
}

function retryAll(state: 'completed' | 'failed', weight: number): Nemesis {
  return {
    name: `operator: all ${state} jobs of a queue retried`,
    weight,
    act: async ({ queues, acts }, random) => {
      const queue = pickQueue(random, queues);
      if ((await queue.getJobCountByTypes(state)) === 0) {
        return false;
      }
      if (state === 'failed') {
        acts.retriedQueues.add(queueName({ prefix: queue.opts.prefix ?? '', queue: queue.name }));
      }
      await queue.retryJobs({ state });
      return true;
    },
  };
}

const promote: Nemesis = {
  name: 'operator: delayed jobs promoted',
  weight: 4,
  act: (world, random) => toSome(world, random, 'delayed', (job) => job.promote()),
};

const changeDelay: Nemesis = {
  name: 'operator: delay of jobs changed',
  weight: 3,
  act: (world, random) => toSome(world, random, 'delayed', (job) => job.changeDelay(random.int(0, 2 * 3_600_000))),
};

const changePriority: Nemesis = {
  name: 'operator: priority of delayed jobs changed',
  weight: 1,
  act: (world, random) => toSome(world, random, 'delayed', (job) => job.changePriority({ priority: random.int(0, 5) })),
};

const pause: Nemesis = {
  name: 'operator: queue paused for longer than receipts live',
  weight: 2,
  act: async ({ queues }, random) => {
    const queue = pickQueue(random, queues);
    if (await queue.isPaused()) {
      return false;
    }
    await queue.pause();
    await wait(SETTLED_RECEIPT_MS + random.int(200, 1_000));
    await queue.resume();
    return true;
  },
};

/** How long jobs are looked for that have just been completed. */
const LOOK_FOR_MS = 3_000;

/** Between the completion of a job and its settling are 100 ms: what protects it there is the receipt alone. */
const retryUnsettled: Nemesis = {
  name: 'operator: queue paused, and jobs retried that were completed and not yet settled',
  weight: 6,
  act: async ({ queues }, random) => {
    const queue = pickQueue(random, queues);
    if (await queue.isPaused()) {
      return false;
    }
    let retried = 0;
    for (const endsAt = performance.now() + LOOK_FOR_MS; retried === 0 && performance.now() < endsAt;) {
      const completed: Job[] = await queue.getJobs(['completed'], 0, 10);
      const unsettled = completed.filter(({ progress }) => settledRecord(progress) === undefined);
      if (unsettled.length > 0) {
        await queue.pause();
        retried = await retryCompleted(unsettled);
      }
    }
    await wait(retried > 0 ? SETTLED_RECEIPT_MS + random.int(500, 1_500) : 0);
    await queue.resume();
    return retried > 0;
  },
};

/** How many of them somebody else had not retried, or removed. */
async function retryCompleted(jobs: readonly Job[]): Promise<number> {
  const done = await Promise.allSettled(jobs.map((job) => job.retry('completed')));
  return done.filter(({ status }) => status === 'fulfilled').length;
}

/** Brings forward what was sent with a delay, and never ran: it would come after the end of the run. */
export async function promoteDelayed({ queues }: World): Promise<void> {
  for (const queue of queues) {
    for (const job of await queue.getDelayed()) {
      if (job.attemptsStarted === 0 && job.repeatJobKey === undefined) {
        await job.promote().catch(() => undefined); // it was due
      }
    }
  }
}

export const operatorNemeses: readonly Nemesis[] = [
  retry('completed', 5),
  retry('failed', 5),
  retryAll('completed', 1),
  retryAll('failed', 2),
  promote,
  changeDelay,
  changePriority,
  pause,
  retryUnsettled,
];
