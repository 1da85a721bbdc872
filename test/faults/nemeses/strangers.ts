import { setTimeout as wait } from 'node:timers/promises';
import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { FORM } from '../../../src/jobs/form.js';
import { JOB_OPTIONS } from '../../../src/jobs/job-options.js';
import type { NewerJob } from '../acts.js';
import { withinTime } from '../../../src/lib/timeouts.js';
import { jobName, queueName } from '../oracle/job-record.js';
import { REGISTRY } from '../operations.js';
import type { Random } from '../random.js';
import { LOCK_DURATION_MS, PREFIX, STALLED_INTERVAL_MS } from '../settings.js';
import { drawUpdate } from '../traffic.js';
import type { DrawnUpdate } from '../drawn-update.js';
import { serverOf } from '../world.js';
import type { World } from '../world.js';
import type { Nemesis } from './nemesis.js';
import { pickQueue } from './operators.js';

/** Other programs that work on the queues: they know nothing of Tally, or another version of it. */

const CLOSE_TIMEOUT_MS = 1_000;

/** Sends each command once: a job without an id that is added twice is two jobs. */
function connectOnce(url: string): Redis {
  const redis = new Redis(url, {
    connectionName: 'stranger',
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => null,
  });
  redis.on('error', () => undefined);
  return redis;
}

const foreignWorker: Nemesis = {
  name: 'stranger: a worker of somebody else takes jobs of a queue',
  weight: 1,
  act: async (world, random) => {
    const { queues, acts } = world;
    const { name, opts } = pickQueue(random, queues);
    const prefix = opts.prefix ?? PREFIX;
    acts.foreignQueues.add(queueName({ prefix, queue: name }));
    const connection = new Redis(serverOf(world).url, { connectionName: 'stranger', maxRetriesPerRequest: null });
    connection.on('error', () => undefined);
    let taken = 0;
    const worker = new Worker(
      name,
      async () => {
        taken += 1;
        await wait(random.int(0, 100));
        return endLikeSomebodyElse(random);
      },
      {
        connection,
        prefix,
        concurrency: 3,
        lockDuration: LOCK_DURATION_MS,
        stalledInterval: STALLED_INTERVAL_MS,
        runRetryDelay: 100,
        maxStalledCount: Number.MAX_SAFE_INTEGER,
        settings: { backoffStrategy: () => 100 },
      },
    );
    worker.on('error', () => undefined);
    await wait(random.int(300, 1_500));
    await withinTime(worker.close(true), CLOSE_TIMEOUT_MS).catch(() => undefined);
    connection.disconnect();
    return taken > 0;
  },
};

function endLikeSomebodyElse(random: Random): unknown {
  if (random.chance(30)) {
    throw random.chance(50)
      ? new UnrecoverableError('WRONG_TYPE: it is not ours; nothing was applied')
      : new Error('not ours');
  }
  return random.pick<unknown>([7, '7', 'applied', { status: 'applied' }, null]);
}

const UPDATES_AT_MOST = 3;

/** Draws updates of one operation that show whether they were applied, and have no key. */
function drawWitnessed(random: Random): [DrawnUpdate, ...DrawnUpdate[]] {
  const number = random.seed();
  const ids = Array.from({ length: random.int(1, UPDATES_AT_MOST) }, (_, index) => `stranger.${number}.${index}`);
  return ids.map((id) => {
    for (;;) {
      const { operation, params, idempotencyKey } = drawUpdate(random, id);
      if (operation === 'scores.add' && idempotencyKey === undefined) {
        return { id, operation, params };
      }
    }
  }) as [DrawnUpdate, ...DrawnUpdate[]];
}

const withoutVersion: Nemesis = {
  name: 'stranger: a job added with BullMQ alone, without an id',
  weight: 4,
  act: async (world, random) => {
    const { acts, keyedOnly } = world;
    const server = serverOf(world);
    if (keyedOnly || !server.isUp) {
      return false;
    }
    const updates = drawWitnessed(random);
    const [{ operation }] = updates;
    const queue = REGISTRY.find(operation)?.queue ?? '';
    const place = acts.submissions.length;
    acts.submissions.push(...updates.map((update) => ({ id: `stranger/${update.id}`, update })));
    const connection = connectOnce(server.url);
    const opened = new Queue(queue, {
      connection,
      prefix: PREFIX,
      skipVersionCheck: true,
      skipWaitingForReady: true, // for one that is never ready it would wait for ever
    });
    opened.on('error', () => undefined);
    try {
      const job = await opened.add(operation, { updates: updates.map(({ params }) => params) }, JOB_OPTIONS);
      const jobId = jobName({ prefix: PREFIX, queue, id: job.id ?? '', addedAtMs: job.timestamp });
      for (const [index, update] of updates.entries()) {
        acts.submissions[place + index] = { id: `stranger/${update.id}`, update, job: { jobId, index } };
      }
    } finally {
      await withinTime(opened.close(), CLOSE_TIMEOUT_MS).catch(() => undefined);
      connection.disconnect();
    }
    return true;
  },
};

const NEWER_FORM = 99;

const newerForm: Nemesis = {
  name: 'stranger: a job of a form that is newer than the workers',
  weight: 2,
  act: async ({ queues, acts, keyedOnly }, random) => {
    if (keyedOnly) {
      return false; // what becomes of it in a cut can't be told
    }
    const opened = pickQueue(random, queues);
    const [update] = drawWitnessed(random);
    const { name: queue, opts } = opened;
    const prefix = opts.prefix ?? PREFIX;
    const id = `newer-${random.seed()}`;
    const data = { v: NEWER_FORM, sentAtMs: Date.now(), secrets: [FORM], updates: [update.params] };
    const job: NewerJob = { prefix, queue, id, data: JSON.stringify(data), isAdded: false };
    acts.newerJobs.push(job);
    await opened.add(update.operation, data, { jobId: id });
    job.isAdded = true;
    return true;
  },
};

/** Takes away the jobs that no worker can read. Says which were not as they had been added. */
export async function removeNewerJobs({ operator, queues, acts }: World): Promise<string[]> {
  const complaints: string[] = [];
  for (const { prefix, queue, id, data, isAdded } of acts.newerJobs) {
    const key = `${prefix}:${queue}:${id}`;
    const [kept, attempts, finishedOn] = await operator.hmget(key, 'data', 'atm', 'finishedOn');
    if (kept === null && !isAdded) {
      continue;
    }
    const isOthers = acts.foreignQueues.has(queueName({ prefix, queue })) || acts.removed.has(id);
    if (!isOthers && (kept !== data || Number(attempts ?? 0) > 0 || finishedOn !== null)) {
      const words = `holds ${kept ?? 'nothing'}, has made ${attempts ?? 0} attempts, ended at ${finishedOn ?? 'no time'}`;
      complaints.push(`the job ${id} of the queue "${queue}" is of a newer form, but was not left alone: it ${words}`);
    }
    const opened = queues.find(({ name, opts }) => name === queue && opts.prefix === prefix);
    while ((await opened?.remove(id)) === 0 && (await operator.exists(key)) === 1) {
      await wait(20); // a worker looks at it just now
    }
  }
  return complaints;
}

export const strangerNemeses: readonly Nemesis[] = [foreignWorker, withoutVersion, newerForm];
