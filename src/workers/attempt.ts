import type { Job } from 'bullmq';
import { ValidationError } from '../errors.js';
import { FORM } from '../jobs/form.js';
import { formOfJob, nameOfJob, parseJobData } from '../jobs/job-data.js';
import type { JobData, Stamp } from '../jobs/job-data.js';
import type { Partition } from '../jobs/partitions.js';
import { notedStamp } from '../jobs/queues.js';
import type { JobResult, TallyQueue } from '../jobs/queues.js';
import type { Registry } from '../operations/registry.js';
import type { Connection } from '../redis/connection.js';
import type { JobName, Keys, Slot } from '../redis/keys.js';
import { attemptAskedAtMs, digestOf } from './queue-worker.js';
import { groupBySlot } from './script-call.js';
import type { SlotGroups } from './script-call.js';

export type TallyJob = Job<JobData, JobResult>;

/** Where a worker has its jobs from. */
export interface JobPlace {
  readonly queue: TallyQueue;
  readonly partition: Partition;
  /** Gets the slots in which each job that was applied in a Cluster has receipts, for when it is settled. */
  rememberSlots(job: TallyJob, slots: readonly Slot[]): void;
}

/** One attempt at a job. */
export interface Attempt {
  readonly job: TallyJob;
  readonly place: JobPlace;
  readonly name: JobName;
  /** What its receipt is called if the version was put into or out of its data since it was written. */
  readonly otherName: JobName;
  /** The version of its form, in which it is answered. */
  readonly form: number;
  readonly digest: string;
  /** Whether an earlier attempt may have applied it. */
  readonly ranBefore: boolean;
  /** By `performance.now()`. */
  readonly askedAtMs: number;
}

export function attemptAt(job: TallyJob, place: JobPlace): Attempt {
  const where = { prefix: place.partition.prefix, queue: job.queueName, jobId: jobIdOf(job) };
  const name = nameOfJob(where, job.data, job.timestamp);
  return {
    ...{ job, place, name },
    otherName: name.addedAtMs === undefined ? { ...where, addedAtMs: job.timestamp } : where,
    form: formOfJob(job.data) ?? FORM,
    digest: digestOf(job),
    // An operator may have the first number set back; each of the others is left by an attempt that failed or vanished.
    ranBefore: job.attemptsStarted > 1 || job.stalledCounter > 0 || (job.stacktrace ?? []).length > 0,
    askedAtMs: attemptAskedAtMs(job),
  };
}

/** What a job asks for, as far as this worker can tell. */
export interface Order {
  readonly groups: SlotGroups;
  readonly stamp: Partial<Stamp>;
}

/** What a worker knows, by which it reads jobs. */
interface Reading {
  readonly redis: Connection;
  readonly registry: Registry;
  readonly keys: Keys;
}

/** @throws ValidationError when it can't be told what its updates are, or where their receipts lie */
export function readOrder({ job, place }: Attempt, { redis, registry, keys }: Reading): Order {
  const inCluster = redis.isCluster;
  const context = { registry, isReservedKey: keys.isReserved, slots: inCluster ? ('cluster' as const) : undefined };
  const { updates, sentAtMs = notedStamp(job.progress), windowMs } = parseJobData(job.name, job.data, context);
  if (inCluster) {
    const lost = updates.find((update) => update.slot === undefined);
    if (lost !== undefined && 'refusal' in lost) {
      throw unreadable(`${lost.refusal.slice(1)}; and it does not say in which slot, so that none was applied`);
    }
    place.rememberSlots(job, [...new Set(updates.map(({ slot }) => slot))]);
  }
  return {
    groups: groupBySlot(updates, inCluster),
    stamp: { ...(sentAtMs !== undefined && { sentAtMs }), ...(windowMs !== undefined && { windowMs }) },
  };
}

/** The id stands between spaces in receipts and histories. Producers make UUIDs; this is about jobs added by hand. */
function jobIdOf({ id = '' }: Job): string {
  if (id === '' || /\s/.test(id)) {
    throw unreadable(`the job id "${id}" is empty or has spaces`);
  }
  return id;
}

function unreadable(message: string): ValidationError {
  return new ValidationError([{ path: '', code: 'INVALID_UPDATE', message }]);
}
