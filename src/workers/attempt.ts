import type { Job } from 'bullmq';
import { attemptAskedAtMs, hasRunBefore } from '../bullmq/attempt-worker.js';
import { tickOf } from '../bullmq/ticks.js';
import { ValidationError } from '../errors.js';
import { FORM } from '../jobs/form.js';
import { formOfJob, namesOfJob, parseJobData } from '../jobs/job-data.js';
import type { JobData, Stamp } from '../jobs/job-data.js';
import { notedStamp } from '../jobs/queues.js';
import type { JobResult, TallyQueue } from '../jobs/queues.js';
import type { Partition } from '../layout/partitions.js';
import type { JobSlots } from '../layout/receipts.js';
import type { Store } from '../layout/store.js';
import type { Step } from '../operations/operation.js';
import { withoutSign } from '../operations/outcome.js';
import type { Registry } from '../operations/registry.js';
import type { JobName } from '../redis/keys.js';
import type { Slot } from '../redis/slots.js';
import { digestOf } from './queue-worker.js';
import type { JobGroups, JobUpdate } from './script-call.js';

export type TallyJob = Job<JobData, JobResult>;

/** Where a worker has its jobs from. */
export interface JobPlace {
  readonly queue: TallyQueue;
  /** In the same partition: where jobs go that give back what was held for too long. */
  readonly expiries: TallyQueue;
  readonly partition: Partition;
  /** Where those that were applied have receipts, for when they are settled. */
  readonly slots: JobSlots;
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
  /** When the leases end with which its requests were sent, by Redis' time; of each slot the latest. */
  readonly leases: Map<Slot, number>;
}

export function attemptAt(job: TallyJob, place: JobPlace): Attempt {
  const where = { prefix: place.partition.prefix, queue: job.queueName, jobId: jobIdOf(job) };
  const [name, otherName] = namesOfJob(where, job.data, job.timestamp);
  return {
    job,
    place,
    name,
    otherName,
    form: formOfJob(job.data) ?? FORM,
    digest: digestOf(job),
    ranBefore: hasRunBefore(job),
    askedAtMs: attemptAskedAtMs(job),
    leases: new Map(),
  };
}

/** What a job asks for, as far as this worker can tell. */
export interface Order {
  readonly groups: JobGroups;
  readonly stamp: Partial<Stamp>;
}

/** What a worker knows, by which it reads jobs. */
export interface Reading extends Pick<Store, 'keys' | 'layouts'> {
  readonly registry: Registry;
}

/** @throws ValidationError when it can't be told what its updates are, or where their receipts lie */
export function readOrder({ job, place }: Attempt, { registry, keys, layouts }: Reading): Order {
  const { receipts } = layouts;
  const context = {
    registry,
    isReservedKey: keys.isReserved,
    slotOf: (steps: readonly Step[]) => receipts.slotOf(steps),
  };
  const parsed = parseJobData(job.name, job.data, context);
  // A run of a schedule has none of its own: its time does as well.
  const { updates, sentAtMs = notedStamp(job.progress) ?? tickOf(job)?.atMs, windowMs } = parsed;
  const groups = receipts.groups(updates, refuseLost);
  place.slots.remember(job, groups);
  return {
    groups,
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

/** It names an operation that is not known, or was edited; and its receipt can't be found. */
function refuseLost(update: JobUpdate): never {
  const reason = 'refusal' in update ? withoutSign(update.refusal) : update.operation.name;
  throw unreadable(`${reason}; and it does not say in which slot, so that none was applied`);
}

function unreadable(message: string): ValidationError {
  return new ValidationError([{ path: '', code: 'INVALID_UPDATE', message }]);
}
