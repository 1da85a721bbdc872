import type { Queue } from 'bullmq';
import { v7 } from 'uuid';
import type { Outcome, Update } from '../../../src/index.js';
import type { RedisTarget } from '../../../src/redis/target.js';
import type { AcceptedUpdate, Target } from '../target.js';
import { connectPlainly } from '../../plain-bullmq/connect-plainly.js';
import { openPlainQueue, PATIENT } from '../../plain-bullmq/queue.js';
import { updateJob } from '../../plain-bullmq/update-job.js';
import { PlainOutcomes } from './plain-outcomes.js';

const COMMAND_TIMEOUT_MS = 30_000;

/** Sends each update as a job of a plain BullMQ queue, with its idempotency key as the job's id, as BullMQ advises. */
export async function plainTarget(redis: RedisTarget, prefix: string): Promise<Target> {
  const connection = connectPlainly(redis, { maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS });
  const queue = openPlainQueue(connection, { prefix });
  const outcomes = new PlainOutcomes(redis, prefix, connection);
  const keyed = new Map<string, Promise<Outcome>>();
  await Promise.all([queue.waitUntilReady(), outcomes.ready()]);
  return {
    send: async (updates) => {
      const jobs = updates.map((update) => ({ update, ...follow(update, outcomes, keyed) }));
      try {
        await add(
          queue,
          jobs.map(({ update, jobId }) => jobOf(update, jobId)),
        );
        return { accepted: 'all', updates: jobs.map(({ accepted }) => accepted) };
      } catch (error) {
        return { accepted: 'unknown', message: (error as Error).message };
      }
    },
    close: async () => {
      await outcomes.close();
      await queue.obliterate({ force: true });
      await queue.close();
      connection.disconnect();
    },
  };
}

function jobOf(update: Update, jobId: string) {
  return { name: update.operation, data: updateJob(update), opts: { ...PATIENT, jobId } };
}

async function add(queue: Queue, jobs: readonly ReturnType<typeof jobOf>[]): Promise<void> {
  const [first] = jobs;
  if (first !== undefined && jobs.length === 1) {
    await queue.add(first.name, first.data, first.opts);
  } else {
    await queue.addBulk([...jobs]);
  }
}

/** BullMQ does nothing for a job's id that it knows: the outcome of a repeat is that of the first. */
function follow(
  { idempotencyKey }: Update,
  outcomes: PlainOutcomes,
  keyed: Map<string, Promise<Outcome>>,
): { jobId: string; accepted: AcceptedUpdate } {
  const first = idempotencyKey === undefined ? undefined : keyed.get(idempotencyKey);
  const jobId = idempotencyKey ?? v7();
  if (first !== undefined) {
    return { jobId, accepted: { jobId: undefined, outcome: first.then(asRepeat) } };
  }
  const outcome = outcomes.follow(jobId);
  if (idempotencyKey !== undefined) {
    keyed.set(idempotencyKey, outcome);
  }
  return { jobId, accepted: { jobId, outcome } };
}

function asRepeat(outcome: Outcome): Outcome {
  return outcome.status === 'applied' || outcome.status === 'rejected' ? { ...outcome, duplicate: true } : outcome;
}
