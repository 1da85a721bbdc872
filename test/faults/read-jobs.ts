import type { Redis } from 'ioredis';
import { decodeRecord, FORM } from '../../src/jobs/form.js';
import { digestOfJob, nameOfJob } from '../../src/jobs/job-data.js';
import type { JobData } from '../../src/jobs/job-data.js';
import { jobKey } from '../../src/bullmq/queue-keys.js';
import { parseStored } from '../../src/bullmq/stored-job.js';
import { settledRecord } from '../../src/jobs/queues.js';
import { createKeys } from '../../src/redis/keys.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { inBatches, scanKeys } from './read-redis.js';
import type { JobRecord } from './oracle/evidence.js';
import { jobName } from './oracle/evidence.js';
import { NAMESPACE, PREFIX } from './settings.js';

const keys = createKeys({ namespace: NAMESPACE, prefix: PREFIX });

export interface QueuePlace {
  readonly prefix: string;
  readonly queue: string;
}

/** Every job of a queue that Redis has, whether the queue still knows it or not. */
export async function readAllJobs(redis: Redis, place: QueuePlace): Promise<JobRecord[]> {
  const start = jobKey(place, '');
  const found = await scanKeys(redis, `${escapeGlob(start)}*`, 'hash');
  return readJobs(
    redis,
    place,
    found.map((key) => key.slice(start.length)),
  );
}

/** The jobs of these ids with their receipts, each as it was at one moment; without those that are not there. */
export async function readJobs(redis: Redis, place: QueuePlace, ids: readonly string[]): Promise<JobRecord[]> {
  return inBatches(ids, async (batch) => {
    const jobs = await Promise.all(batch.map((id) => readJob(redis, place, id)));
    return jobs.filter((job) => job !== undefined);
  });
}

async function readJob(redis: Redis, place: QueuePlace, id: string): Promise<JobRecord | undefined> {
  const key = jobKey(place, id);
  const [data, timestamp] = await redis.hmget(key, 'data', 'timestamp');
  if (!data || !timestamp) {
    return undefined; // BullMQ has other hashes
  }
  const receiptKey = keys.jobReceipt(nameOfJob({ ...place, jobId: id }, parseStored(data), Number(timestamp)), NO_SLOT);
  const replies = await redis.multi().hgetall(key).get(receiptKey).pttl(receiptKey).exec();
  const [fields, receipt, ttlMs] = (replies ?? []).map(([error, reply]) => {
    if (error !== null) {
      throw error;
    }
    return reply;
  }) as [Fields, string | null, number];
  return fields['data'] === undefined ? undefined : jobRecord(place, id, fields, receipt, ttlMs);
}

type Fields = Readonly<Record<string, string>>;

function jobRecord(
  place: QueuePlace,
  id: string,
  fields: Fields,
  receipt: string | null,
  receiptTtlMs: number,
): JobRecord {
  const { name: operation = '', data = '{}', returnvalue, progress, failedReason, finishedOn, timestamp } = fields;
  const { v, updates, idempotencyKeys = {} } = JSON.parse(data) as JobData;
  const mark = settledRecord(parseStored(progress));
  const returned = parseStored(returnvalue);
  const addedAtMs = v === undefined ? Number(timestamp) : undefined;
  return {
    ...place,
    id,
    form: v ?? FORM,
    operation,
    digest: digestOfJob(data),
    isFinished: finishedOn !== undefined,
    name: jobName({ ...place, id, ...(addedAtMs !== undefined && { addedAtMs }) }),
    ...(addedAtMs !== undefined && { addedAtMs }),
    updates: updates.map((params, index) => {
      const key = idempotencyKeys[index];
      return { params: params as object, ...(key !== undefined && { idempotencyKey: keyOfOwner(key) }) };
    }),
    ...(returned !== undefined && valueOf(returned)),
    ...(finishedOn !== undefined && failedReason !== undefined && returned === undefined && { failedReason }),
    ...(mark !== undefined && { mark }),
    ...(receipt !== null && { receipt, receiptTtlMs }),
  };
}

/** That of a revert stands apart from those of the producers. */
function keyOfOwner(key: string | readonly [string, string]): string {
  return typeof key === 'string' ? key : key.join(' ');
}

function valueOf(returned: unknown): Pick<JobRecord, 'returnvalue' | 'foreignValue'> {
  return typeof returned === 'string' && decodeRecord(returned) !== undefined
    ? { returnvalue: returned }
    : { foreignValue: JSON.stringify(returned) };
}

/** The key of the job's receipt. */
export function receiptKeyOf({ prefix, queue, id, addedAtMs }: JobRecord): string {
  return keys.jobReceipt({ prefix, queue, jobId: id, addedAtMs }, NO_SLOT);
}

/** Hash tags of partitions have none of these characters, but cells may. */
function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&');
}
