import type { Redis } from 'ioredis';
import type { Cell } from '../../src/index.js';
import type { JobData } from '../../src/jobs/job-data.js';
import { settledOutcomes } from '../../src/jobs/queues.js';
import { createKeys } from '../../src/redis/keys.js';
import { BAD_CELLS, STOCK } from './cells.js';
import type { Submission } from './journal.js';
import { cellsOf } from './oracle/changes.js';
import { nameOf } from './oracle/evidence.js';
import type { Evidence, JobRecord } from './oracle/evidence.js';
import { NAMESPACE, PREFIX, QUEUES } from './settings.js';
import type { Side } from './side.js';
import { START } from './world.js';

const keys = createKeys({ namespace: NAMESPACE, prefix: PREFIX });
const AT_A_TIME = 500;

/** Reads all that the oracle judges by. */
export async function collectEvidence(
  redis: Redis,
  submissions: readonly Submission[],
  { isJudged }: Pick<Side, 'isJudged'>,
): Promise<Evidence> {
  const jobs: JobRecord[] = [];
  for (const queue of isJudged ? QUEUES : []) {
    jobs.push(...(await readJobs(redis, queue)));
  }
  return {
    start: new Map(START.map(([cell, value]) => [nameOf(cell), value])),
    cells: await readCells(redis, submissions, jobs),
    badCells: await readBadCells(redis),
    submissions,
    jobs,
    idempotencyReceipts: await readIdempotencyReceipts(redis),
  };
}

/** Every job that Redis has, whether a queue still knows it or not. */
async function readJobs(redis: Redis, queue: string): Promise<JobRecord[]> {
  const start = keys.job(queue, '');
  const ids = (await scan(redis, `${start}*`, 'hash')).map((key) => key.slice(start.length));
  return inBatches(ids, async (batch) => {
    const pipeline = redis.pipeline();
    for (const id of batch) {
      const receipt = keys.jobReceipt(id);
      pipeline.hgetall(keys.job(queue, id)).get(receipt).pttl(receipt);
    }
    const replies = await execute(pipeline);
    return batch.flatMap((id, place) => {
      const [fields, receipt, ttlMs] = replies.slice(place * 3, place * 3 + 3) as [Fields, string | null, number];
      return fields['data'] === undefined ? [] : [jobRecord(id, queue, fields, receipt, ttlMs)]; // BullMQ has other hashes
    });
  });
}

type Fields = Readonly<Record<string, string>>;

function jobRecord(
  id: string,
  queue: string,
  { name = '', data = '{}', returnvalue, progress, failedReason, finishedOn }: Fields,
  receipt: string | null,
  receiptTtlMs: number,
): JobRecord {
  const { updates, idempotencyKeys = {} } = JSON.parse(data) as JobData;
  const mark = progress === undefined ? undefined : settledOutcomes(JSON.parse(progress));
  return {
    id,
    queue,
    operation: name,
    updates: updates.map((params, index) => {
      const idempotencyKey = idempotencyKeys[index];
      return { params: params as object, ...(idempotencyKey !== undefined && { idempotencyKey }) };
    }),
    isFinished: finishedOn !== undefined,
    ...(returnvalue !== undefined && { returnvalue: JSON.parse(returnvalue) as string }),
    ...(finishedOn !== undefined && failedReason !== undefined && returnvalue === undefined && { failedReason }),
    ...(mark !== undefined && { mark }),
    ...(receipt !== null && { receipt, receiptTtlMs }),
  };
}

async function readCells(
  redis: Redis,
  submissions: readonly Submission[],
  jobs: readonly JobRecord[],
): Promise<Map<string, string>> {
  const cells = new Map<string, Cell>(STOCK.map((cell) => [nameOf(cell), cell]));
  const asked = [
    ...submissions.map(({ update }) => update),
    ...jobs.flatMap(({ operation, updates }) => updates.map(({ params }) => ({ operation, params }))),
  ];
  for (const { operation, params } of asked) {
    for (const cell of cellsOf(operation, params)) {
      cells.set(nameOf(cell), cell);
    }
  }
  for (const { key } of BAD_CELLS.slice(0, 2)) {
    cells.delete(nameOf({ key }));
  }
  const found = await inBatches([...cells], async (batch) => {
    const pipeline = redis.pipeline();
    for (const [, { key, field, member }] of batch) {
      if (field !== undefined) {
        pipeline.hget(key, field);
      } else if (member !== undefined) {
        pipeline.zscore(key, member);
      } else {
        pipeline.get(key);
      }
    }
    const values = (await execute(pipeline)) as (string | null)[];
    return batch.map(([name], place) => [name, values[place] ?? null] as const);
  });
  return new Map(found.filter((entry): entry is readonly [string, string] => entry[1] !== null));
}

async function readBadCells(redis: Redis): Promise<string> {
  const [list, text, edge] = BAD_CELLS;
  return `${(await redis.lrange(list.key, 0, -1)).join(',')} | ${await redis.get(text.key)} | ${await redis.get(edge.key)}`;
}

async function readIdempotencyReceipts(redis: Redis): Promise<Map<string, string>> {
  const start = keys.idempotencyReceipt('');
  const found = await inBatches(await scan(redis, `${start}*`), async (batch) => {
    const receipts = await redis.mget(batch);
    return batch.map((key, place) => [key.slice(start.length), receipts[place] ?? ''] as const);
  });
  return new Map(found);
}

/** The job receipts that Redis has, by job id. */
export async function readReceiptIds(redis: Redis): Promise<Set<string>> {
  const start = keys.jobReceipt('');
  return new Set((await scan(redis, `${start}*`)).map((key) => key.slice(start.length)));
}

async function scan(redis: Redis, match: string, type?: 'hash'): Promise<string[]> {
  const found = new Set<string>();
  for await (const batch of redis.scanStream({ match, count: AT_A_TIME, ...(type && { type }) }) as AsyncIterable<
    string[]
  >) {
    for (const key of batch) {
      found.add(key);
    }
  }
  return [...found];
}

async function inBatches<Item, Found>(
  items: readonly Item[],
  read: (batch: Item[]) => Promise<Found[]>,
): Promise<Found[]> {
  const found: Found[] = [];
  for (let first = 0; first < items.length; first += AT_A_TIME) {
    found.push(...(await read(items.slice(first, first + AT_A_TIME))));
  }
  return found;
}

async function execute(pipeline: ReturnType<Redis['pipeline']>): Promise<unknown[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error !== null) {
      throw error;
    }
    return reply;
  });
}
