import type { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { connectPlainly } from '../plain-bullmq/connect-plainly.js';
import { openPlainQueue, PATIENT } from '../plain-bullmq/queue.js';
import { CHANGES, INCREMENT, INCREMENTS } from '../plain-bullmq/scripts.js';
import { updateJob } from '../plain-bullmq/update-job.js';
import type { UpdateJob } from '../plain-bullmq/update-job.js';
import { startPlainWorker } from '../plain-bullmq/worker.js';
import { Completed } from './completed.js';
import type { Reach } from './completed.js';
import { drawIncrements, drawMix } from './draw.js';
import type { Draw, Increment } from './draw.js';
import type { Limit } from './workload.js';
import type { RoleTask, RunningRole } from './roles.js';

/** Jobs in one `addBulk`, the fastest way into plain BullMQ. */
const BULK = 1_000;
/** ... of many updates each. 16 and a concurrency of 100 measured fastest: 4 took 9 % more processor time, concurrency 8 10 %. */
const BULK_OF_BATCHES = 16;
const CONCURRENCY = 100;

/** Many increments in one job, as one who batches by hand would put them. */
interface Batch {
  readonly keys: readonly string[];
  readonly by: readonly number[];
}

type Jobs = Parameters<ReturnType<typeof openPlainQueue>['addBulk']>[0];

/** Each increment as a job; its data is what its script takes. */
export async function runPlainProducer(
  task: Extract<RoleTask, { role: 'plain-producer' }>,
): Promise<RunningRole<Limit>> {
  const { batch, ...load } = task;
  const jobsOf = (draw: Draw<Increment>): Jobs =>
    batch === 1
      ? draw.many(BULK).map((data) => ({ name: 'increment', data }))
      : Array.from({ length: BULK_OF_BATCHES }, () => ({ name: 'increments', data: batchOf(draw.many(batch)) })).filter(
          ({ data }) => data.keys.length > 0,
        );
  return runProducer(task, (limit) => drawIncrements(load, limit), jobsOf);
}

/** Each update of the mix as a job, its idempotency key as the job's id. */
export async function runPlainMixProducer(task: RoleTask): Promise<RunningRole<Limit>> {
  return runProducer(task, drawMix, (draw) =>
    draw.many(BULK).map((update) => ({
      name: update.operation,
      data: updateJob(update),
      opts: { ...PATIENT, ...(update.idempotencyKey !== undefined && { jobId: update.idempotencyKey }) },
    })),
  );
}

async function runProducer<Drawn>(
  { redisUrl }: Pick<RoleTask, 'redisUrl'>,
  createDraw: (limit: Limit) => Draw<Drawn>,
  jobsOf: (draw: Draw<Drawn>) => Jobs,
): Promise<RunningRole<Limit>> {
  const connection = connect(redisUrl);
  const queue = openPlainQueue(connection);
  await queue.waitUntilReady();
  return {
    work: async (limit) => {
      const draw = createDraw(limit);
      while (!draw.isOver) {
        await queue.addBulk(jobsOf(draw));
      }
      return draw.submitted;
    },
    close: async () => {
      await queue.close();
      connection.disconnect();
    },
  };
}

/** A worker with a script in its processor, by its SHA-1: what Tally is compared with. */
export function runPlainWorker({ redisUrl, applies }: Extract<RoleTask, { role: 'plain-worker' }>) {
  const connection = connect(redisUrl);
  const usual = { connection, concurrency: CONCURRENCY };
  switch (applies) {
    case 'increments':
      return counted<Increment>(
        connection,
        startPlainWorker({ ...usual, script: INCREMENT, argsOf: ({ data }) => [1, data.key, data.by] }),
        () => 1,
      );
    case 'batches':
      return counted<Batch>(
        connection,
        startPlainWorker({
          ...usual,
          script: INCREMENTS,
          argsOf: ({ data: { keys, by } }) => [keys.length, ...keys, ...by],
        }),
        ({ keys }) => keys.length,
      );
    case 'mix':
      return counted<UpdateJob>(
        connection,
        startPlainWorker({ ...usual, script: CHANGES, argsOf: ({ data }) => data.args }),
        () => 1,
      );
  }
}

async function counted<Data>(
  connection: Redis,
  starting: Promise<Worker<Data>>,
  updatesOf: (data: Data) => number,
): Promise<RunningRole<Reach>> {
  const worker = await starting;
  const completed = new Completed();
  worker.on('completed', ({ data }) => {
    completed.add(updatesOf(data));
  });
  return {
    work: ({ reach }) => completed.reach(reach),
    close: async () => {
      await worker.close();
      connection.disconnect();
    },
  };
}

function batchOf(increments: readonly Increment[]): Batch {
  return { keys: increments.map(({ key }) => key), by: increments.map(({ by }) => by) };
}

function connect(redisUrl: string): Redis {
  return connectPlainly(redisUrl, { maxRetriesPerRequest: null });
}
