import { Cluster } from 'ioredis';
import { decodeRecord, encodeRecord, FORM } from '../../src/jobs/form.js';
import { digestOfJob, nameOfJob } from '../../src/jobs/job-data.js';
import type { JobData } from '../../src/jobs/job-data.js';
import { jobKey } from '../../src/bullmq/queue-keys.js';
import { parseStored } from '../../src/bullmq/stored-job.js';
import { settledRecord } from '../../src/jobs/queues.js';
import { SplitReceipts } from '../../src/layout/split-receipts.js';
import type { RedisClient } from '../../src/redis/connection.js';
import { createKeys } from '../../src/redis/keys.js';
import type { JobName } from '../../src/redis/keys.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { inBatches, scanKeys } from './read-redis.js';
import type { JobRecord } from './oracle/job-record.js';
import { jobName } from './oracle/job-record.js';
import { NAMESPACE, PREFIX } from './settings.js';

const keys = createKeys({ namespace: NAMESPACE, prefix: PREFIX });

export interface QueuePlace {
  readonly prefix: string;
  readonly queue: string;
}

/** Every job of a queue that Redis has, whether the queue still knows it or not. */
export async function readAllJobs(redis: RedisClient, place: QueuePlace): Promise<JobRecord[]> {
  const start = jobKey(place, '');
  const found = await scanKeys(redis, `${escapeGlob(start)}*`, 'hash');
  return readJobs(
    redis,
    place,
    found.map((key) => key.slice(start.length)),
  );
}

/** The jobs of these ids with their receipts, each as it was at one moment; without those that are not there. */
export async function readJobs(redis: RedisClient, place: QueuePlace, ids: readonly string[]): Promise<JobRecord[]> {
  return inBatches(ids, async (batch) => {
    const jobs = await Promise.all(batch.map((id) => readJob(redis, place, id)));
    return jobs.filter((job) => job !== undefined);
  });
}

async function readJob(redis: RedisClient, place: QueuePlace, id: string): Promise<JobRecord | undefined> {
  const key = jobKey(place, id);
  const [data, timestamp] = await redis.hmget(key, 'data', 'timestamp');
  if (!data || !timestamp) {
    return undefined; // BullMQ has other hashes
  }
  const name = nameOfJob({ ...place, jobId: id }, parseStored(data), Number(timestamp));
  if (redis instanceof Cluster) {
    return jobRecord(place, id, await redis.hgetall(key), await readReceiptsInSlots(redis, name, data), 0);
  }
  const receiptKey = keys.jobReceipt(name, NO_SLOT);
  const replies = await redis.multi().hgetall(key).get(receiptKey).pttl(receiptKey).exec();
  const [fields, receipt, ttlMs] = (replies ?? []).map(([error, reply]) => {
    if (error !== null) {
      throw error;
    }
    return reply;
  }) as [Fields, string | null, number];
  return fields['data'] === undefined ? undefined : jobRecord(place, id, fields, receipt, ttlMs);
}

/** A job has one in each slot of its updates: what they say together. Null when one is missing, or speaks of other data. */
async function readReceiptsInSlots(redis: Cluster, name: JobName, text: string): Promise<string | null> {
  const { v = FORM, slots = [], updates } = JSON.parse(text) as JobData;
  const placed = updates.map((_, index) => ({ slot: typeof slots === 'number' ? slots : slots[index] }));
  if (placed.some(({ slot }) => slot === undefined)) {
    return null;
  }
  const digest = digestOfJob(text);
  const outcomes: string[] = [];
  const groups = new SplitReceipts().groups(placed, () => {
    throw new Error('an update without a slot');
  });
  for (const group of groups) {
    const receipt = await redis.get(keys.jobReceipt(name, group.slot));
    if (groups.length === 1 || receipt === null) {
      return receipt;
    }
    const record = decodeRecord(receipt);
    if (record?.digest !== digest) {
      return null;
    }
    for (const [index, outcome] of record.outcomes.entries()) {
      outcomes[group.indexAt(index)] = outcome;
    }
  }
  return encodeRecord(v, { digest, outcomes });
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
