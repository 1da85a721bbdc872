import type { Redis } from 'ioredis';
import type { Cell } from '../../src/index.js';
import { FORM } from '../../src/jobs/form.js';
import { HoldCell } from '../../src/redis/cell.js';
import { createKeys, DEFAULT_NAMESPACE } from '../../src/redis/keys.js';
import type { Acts } from './acts.js';
import { BAD_CELLS, STOCK } from './cells.js';
import type { Submission } from './journal.js';
import { cellsOf } from './oracle/changes.js';
import { keyName, nameOf } from './oracle/evidence.js';
import type { Evidence, JobRecord, Told } from './oracle/evidence.js';
import { readAllJobs, receiptKeyOf } from './read-jobs.js';
import { execute, inBatches, scanKeys } from './read-redis.js';
import { NAMESPACE, QUEUES } from './settings.js';
import type { Side } from './side.js';
import { START } from './world.js';
import type { World } from './world.js';

/** Reads all that the oracle judges by. */
export async function collectEvidence(
  { operator: redis, prefixes, acts }: Pick<World, 'operator' | 'prefixes' | 'acts'>,
  submissions: readonly Submission[],
  { isJudged }: Pick<Side, 'isJudged'>,
  told?: Told,
): Promise<Evidence> {
  const jobs: JobRecord[] = [];
  for (const prefix of isJudged ? prefixes : []) {
    for (const queue of QUEUES) {
      jobs.push(...(await readAllJobs(redis, { prefix, queue })));
    }
  }
  if (isJudged) {
    jobs.push(...(await readRemovedJobs(redis, acts, jobs)));
  }
  return {
    start: new Map(START.map(([cell, value]) => [nameOf(cell), value])),
    cells: await readCells(redis, submissions, jobs, told),
    ...(told && { told }),
    held: await readHeld(redis),
    badCells: await readBadCells(redis),
    submissions,
    jobs,
    idempotencyReceipts: await readIdempotencyReceipts(redis),
    acts,
  };
}

/** Those that were removed and did not come back: as they were then, with the receipts that they left. */
async function readRemovedJobs(redis: Redis, { removed }: Acts, jobs: readonly JobRecord[]): Promise<JobRecord[]> {
  const there = new Set(jobs.map(({ name }) => name));
  const gone = [...removed.values()].filter(({ name, form }) => !there.has(name) && form <= FORM);
  return Promise.all(
    gone.map(async (job) => {
      const receipt = await redis.get(receiptKeyOf(job));
      return receipt === null ? job : { ...job, receipt };
    }),
  );
}

async function readCells(
  redis: Redis,
  submissions: readonly Submission[],
  jobs: readonly JobRecord[],
  told?: Told,
): Promise<Map<string, string>> {
  const changed = told?.events.flatMap(({ data }) =>
    data.cells.map(({ key, field, member }) => ({ key, field, member })),
  );
  const cells = new Map<string, Cell>(
    [...START.map(([cell]) => cell), ...(changed ?? [])].map((cell) => [nameOf(cell), cell]),
  );
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

async function readHeld(redis: Redis): Promise<Map<string, { total: number; sum: number }>> {
  const keys = createKeys({ ...DEFAULT_NAMESPACE, namespace: NAMESPACE });
  const found = STOCK.map(async (stock) => {
    const total = Number(await redis.get(keys.hold(new HoldCell(stock, 'total')).key));
    const quantities = await redis.hvals(keys.hold(new HoldCell(stock, 'quantity')).key);
    return [nameOf(stock), { total, sum: quantities.reduce((sum, quantity) => sum + Number(quantity), 0) }] as const;
  });
  return new Map(await Promise.all(found));
}

async function readBadCells(redis: Redis): Promise<string> {
  const [list, text, edge] = BAD_CELLS;
  return `${(await redis.lrange(list.key, 0, -1)).join(',')} | ${await redis.get(text.key)} | ${await redis.get(edge.key)}`;
}

/** They begin with the namespace, the owner, who has no name here unless he reverts, and the operation. */
const START_OF_RECEIPTS = `${NAMESPACE}:idem:`;

async function readIdempotencyReceipts(redis: Redis): Promise<Map<string, string>> {
  const found = await inBatches(await scanKeys(redis, `${START_OF_RECEIPTS}*`), async (batch) => {
    const receipts = await redis.mget(batch);
    return batch.map((receipt, place) => {
      const [, owner = '', operation = '', key = ''] =
        /^([^:]*):([^:]+):(.*)$/s.exec(receipt.slice(START_OF_RECEIPTS.length)) ?? [];
      const ofOwner = owner === '' ? key : `${decodeURIComponent(owner)} ${key}`;
      return [keyName(operation, ofOwner), receipts[place] ?? ''] as const;
    });
  });
  return new Map(found);
}

/** The names of the job receipts that Redis has. */
export async function readReceiptNames(redis: Redis): Promise<Set<string>> {
  return new Set(await scanKeys(redis, `${NAMESPACE}:job:*`));
}
