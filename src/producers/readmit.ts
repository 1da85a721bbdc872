import { failedJobs, waitingJobs } from '../bullmq/job-ids.js';
import { jobKey } from '../bullmq/queue-keys.js';
import { replaceData } from '../bullmq/scripts.js';
import { parseStored, readStoredJob } from '../bullmq/stored-job.js';
import { decodeFailure } from '../jobs/form.js';
import { nameOfJob } from '../jobs/job-data.js';
import type { JobData } from '../jobs/job-data.js';
import { withNewStamp } from '../jobs/new-stamp.js';
import { openQueue, placeOf } from '../jobs/queues.js';
import type { TallyQueue } from '../jobs/queues.js';
import { distinctPartitions } from '../layout/layouts.js';
import type { Partition } from '../layout/partitions.js';
import type { Store } from '../layout/store.js';
import { announceClock, announceWindow, CLOCK_STEP_MS } from '../redis/announced.js';
import { askInSlot } from '../redis/ask-in-slot.js';
import { toMs } from '../redis/server-time.js';
import type { Connection } from '../redis/connection.js';
import type { Slot } from '../redis/slots.js';

export interface ReadmitOptions {
  /** Names of the queues to look at. */
  readonly queues: readonly string[];
  /** The one job to look at, whether it failed or waits. @defaultValue all */
  readonly jobId?: string | undefined;
  /** Whether to give new stamps to those that wait, too, and have half of their window behind them. */
  readonly withWaiting: boolean;
  /** Whether only to say what would be done. */
  readonly dryRun: boolean;
  /** For keyed updates whose job does not tell their window, which is one that somebody else added. */
  readonly windowMs: number;
}

/** A job that was looked at, and what was done with it; with a dry run, what would be. */
export interface Readmitted {
  readonly queue: string;
  /** As `3-of-8`; absent where queues are not split. */
  readonly partition?: string;
  readonly jobId: string;
  readonly operation: string;
  readonly state: State;
  /**
   * - `stamped`: it has a new stamp; one that had failed is tried again.
   * - `recorded`: what became of it, or of another update with its key, is recorded. It has no new stamp; one that had failed
   *   is tried again, and answered by the record.
   * - `left`: it does not stand for too long, or runs, or was changed meanwhile.
   * - `unreadable`: its data are not of a form that can have a stamp.
   */
  readonly action: 'stamped' | 'recorded' | 'left' | 'unreadable';
}

type State = 'failed' | 'waiting';

interface Place {
  readonly queue: TallyQueue;
  readonly partition: Partition;
}

/** A job as it was read. */
interface StoredJob extends Place {
  readonly jobId: string;
  readonly state: State;
  readonly name: string;
  readonly text: string;
  readonly data: Partial<JobData>;
  readonly addedAtMs: number;
  readonly failedReason: string;
}

const READ_AT_ONCE = 1_000;

/**
 * Gives new stamps to jobs that failed since they stood for too long, and retries them. Whoever calls this says that no other
 * update under their keys was applied and forgotten since: that can't be found out any more. What is recorded is looked up
 * after the new time is asked, on the same server, as a producer does it: so what is applied under a key from now on is
 * found by the job.
 */
export async function* readmit(store: Store, options: ReadmitOptions): AsyncGenerator<Readmitted> {
  const { redis, layouts, logger } = store;
  for (const partition of distinctPartitions(await layouts.read())) {
    for (const name of options.queues) {
      const queue = openQueue(name, partition.prefix, redis, logger);
      try {
        yield* readmitIn(store, options, { queue, partition });
      } finally {
        await queue.close();
      }
    }
  }
}

async function* readmitIn(store: Store, options: ReadmitOptions, place: Place): AsyncGenerator<Readmitted> {
  const { jobId, withWaiting } = options;
  for (const { ids, state } of await idsIn(store.redis, place.queue, jobId, withWaiting)) {
    for (let start = 0; start < ids.length; start += READ_AT_ONCE) {
      const page = ids.slice(start, start + READ_AT_ONCE);
      const jobs = await Promise.all(page.map((id) => readJob(store, place, id, state)));
      const nowMs = toMs(await store.redis.time());
      for (const job of jobs.flatMap((each) => each ?? [])) {
        const isDue = standsTooLong(job, nowMs);
        if (isDue || jobId !== undefined) {
          yield describe(job, isDue ? await readmitOne(store, options, job) : 'left');
        }
      }
    }
  }
}

function describe({ queue, partition, jobId, name, state }: StoredJob, action: Readmitted['action']): Readmitted {
  const { name: part } = partition;
  return { queue: queue.name, ...(part !== undefined && { partition: part }), jobId, operation: name, state, action };
}

/** All ids before the first job is retried, which moves the others. */
async function idsIn(
  redis: Connection,
  queue: TallyQueue,
  jobId: string | undefined,
  withWaiting: boolean,
): Promise<{ ids: string[]; state: State }[]> {
  if (jobId !== undefined) {
    const state = await queue.getJobState(jobId);
    const isWaiting = ['waiting', 'prioritized', 'delayed'].includes(state);
    return state === 'failed' || isWaiting ? [{ ids: [jobId], state: isWaiting ? 'waiting' : 'failed' }] : [];
  }
  const place = placeOf(queue);
  const failed = { ids: await failedJobs(redis, place), state: 'failed' as const };
  return withWaiting ? [failed, { ids: await waitingJobs(redis, place), state: 'waiting' }] : [failed];
}

async function readJob({ redis }: Store, place: Place, jobId: string, state: State): Promise<StoredJob | undefined> {
  const key = jobKey(placeOf(place.queue), jobId);
  const found = await readStoredJob(redis, key, ['name', 'data', 'addedAtMs', 'failedReason']);
  const { name, data: text, addedAtMs, failedReason } = found;
  if (!name || !text) {
    return undefined; // it was removed meanwhile
  }
  const data = (parseStored(text) ?? {}) as Partial<JobData>;
  return { ...place, jobId, state, name, text, data, addedAtMs: Number(addedAtMs), failedReason: failedReason ?? '' };
}

const FORGOTTEN = new Set(['TOO_OLD', 'UNSTAMPED']);

function standsTooLong({ state, data, failedReason }: StoredJob, nowMs: number): boolean {
  if (state === 'failed') {
    const failure = decodeFailure(failedReason);
    return failure.status !== 'applied' && FORGOTTEN.has(failure.reason);
  }
  const { sentAtMs, windowMs } = data;
  return sentAtMs !== undefined && windowMs !== undefined && nowMs - sentAtMs > windowMs / 2;
}

async function readmitOne(
  store: Store,
  { dryRun, windowMs: windowIfNone }: ReadmitOptions,
  job: StoredJob,
): Promise<Readmitted['action']> {
  const { windowMs = windowIfNone } = job.data;
  const receipts = [...receiptsOf(store, job)];
  const looked = await Promise.all(receipts.map(([slot, keys]) => look(store, slot, keys, windowMs, dryRun)));
  const sentAtMs = Math.min(...looked.map(({ atMs }) => atMs));
  const stamped = withNewStamp(job.text, { sentAtMs, windowMs });
  if (stamped === undefined) {
    return 'unreadable';
  }
  const action = looked.some(({ isRecorded }) => isRecorded) ? 'recorded' : 'stamped';
  if (dryRun) {
    return action;
  }
  const isPut = action === 'recorded' || (await put(store, job, stamped));
  return isPut && (job.state === 'waiting' || (await retry(job))) ? action : 'left';
}

/**
 * All that may be recorded of a job: under its name, and under the keys of its updates. By slot; empty for a job that
 * does not say what its updates are, or in which slots.
 */
function receiptsOf({ keys, layouts }: Store, job: StoredJob): Map<Slot, string[]> {
  const { queue, partition, jobId, name: operation, data, addedAtMs } = job;
  const receipts = new Map<Slot, string[]>();
  const name = nameOfJob({ prefix: partition.prefix, queue: queue.name, jobId }, data, addedAtMs);
  for (const index of Array.isArray(data.updates) ? data.updates.keys() : []) {
    const slot = layouts.receipts.slotOfUpdate(data, index);
    if (slot === undefined) {
      return new Map();
    }
    const held = data.idempotencyKeys?.[index];
    const [owner = '', key] = Array.isArray(held) ? (held as string[]) : ['', held as string | undefined];
    const ofSlot = receipts.get(slot) ?? [keys.jobReceipt(name, slot)];
    receipts.set(slot, ofSlot);
    if (key !== undefined) {
      ofSlot.push(keys.idempotencyReceipt({ owner, operation, key }, slot));
    }
  }
  return receipts;
}

/** One pipeline: the time is asked before the receipts. As in `KeyLookUp`, whose reasons are those of a producer. */
async function look({ redis, keys }: Store, slot: Slot, receipts: string[], windowMs: number, dryRun: boolean) {
  const announced = keys.announced(slot);
  if (!dryRun) {
    await announceWindow(redis, announced, windowMs);
  }
  const [clock, time, count] = (await askInSlot(redis, announced, (pipeline) =>
    pipeline
      .zscore(announced, 'clock-ms')
      .time()
      .exists(...receipts),
  )) as [string | null, [string, string], number];
  const clockMs = Number(clock ?? 0);
  const nowMs = toMs(time);
  if (!dryRun && nowMs > clockMs + CLOCK_STEP_MS) {
    await announceClock(redis, announced, nowMs);
  }
  return { atMs: Math.max(nowMs, clockMs), isRecorded: count > 0 };
}

/** @returns false when the job is not as it was read any more */
function put({ redis }: Store, job: StoredJob, stamped: string): Promise<boolean> {
  const { queue, jobId, state, text } = job;
  return replaceData(redis, placeOf(queue), { jobId, state, before: text, after: stamped });
}

/** @returns false when the job has not failed any more: somebody else has retried it */
async function retry({ queue, jobId }: StoredJob): Promise<boolean> {
  const job = await queue.getJob(jobId);
  try {
    await job?.retry('failed');
    return job !== undefined;
  } catch (error) {
    if ((await queue.getJobState(jobId)) === 'failed') {
      throw error;
    }
    return false;
  }
}
