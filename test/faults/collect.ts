import type { Cell } from '../../src/index.js';
import { FORM } from '../../src/jobs/form.js';
import { HoldCell } from '../../src/redis/cell.js';
import type { RedisClient } from '../../src/redis/connection.js';
import { createKeys, DEFAULT_NAMESPACE } from '../../src/redis/keys.js';
import { toExactMs } from '../../src/redis/server-time.js';
import { stored } from '../lua/cells.js';
import type { Acts } from './acts.js';
import { BAD_CELLS, BESTS, inAll, RESERVABLE } from './cells.js';
import type { Shards } from './cells.js';
import type { Submission } from './journal.js';
import { cellsOf } from './oracle/changes.js';
import { keyName, nameOf } from './oracle/evidence.js';
import type { Evidence, Told } from './oracle/evidence.js';
import type { JobRecord } from './oracle/job-record.js';
import { readAllJobs, receiptKeyOf } from './read-jobs.js';
import { inBatches, scanKeys } from './read-redis.js';
import { NAMESPACE, QUEUES } from './settings.js';
import type { Side } from './side.js';
import { startIn } from './world.js';
import type { World } from './world.js';

/** Reads all that the oracle judges by. */
export async function collectEvidence(
  { operator: redis, prefixes, acts, shards }: Pick<World, 'operator' | 'prefixes' | 'acts' | 'shards'>,
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
    start: new Map(startIn(shards).map(([cell, value]) => [nameOf(cell), value])),
    cells: await readCells(redis, submissions, jobs, shards, told),
    ...(told && { told }),
    held: await readHeld(redis, shards),
    badCells: await readBadCells(redis, shards),
    submissions,
    jobs,
    idempotencyReceipts: await readIdempotencyReceipts(redis),
    acts,
  };
}

/** Those that were removed and did not come back: as they were then, with the receipts that they left. */
async function readRemovedJobs(
  redis: RedisClient,
  { removed }: Acts,
  jobs: readonly JobRecord[],
): Promise<JobRecord[]> {
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
  redis: RedisClient,
  submissions: readonly Submission[],
  jobs: readonly JobRecord[],
  shards: Shards,
  told?: Told,
): Promise<Map<string, string>> {
  const changed = told?.events.flatMap(({ data }) =>
    data.cells.map(({ key, field, member }) => ({ key, field, member })),
  );
  const cells = new Map<string, Cell>(
    [...startIn(shards).map(([cell]) => cell), ...inAll(shards, BESTS), ...(changed ?? [])].map((cell) => [
      nameOf(cell),
      cell,
    ]),
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
  for (const { key } of inAll(shards, BAD_CELLS.slice(0, 2))) {
    cells.delete(nameOf({ key }));
  }
  const found = await inBatches([...cells], async (batch) => {
    const values = await Promise.all(batch.map(([, cell]) => stored(redis, cell)));
    return batch.map(([name], place) => [name, values[place] ?? null] as const);
  });
  return new Map(found.filter((entry): entry is readonly [string, string] => entry[1] !== null));
}

/** Workers find what is held for too long within some 10 s, also where its job was removed. */
const OVERDUE_MS = 20_000;

async function readHeld(redis: RedisClient, shards: Shards): Promise<Evidence['held']> {
  const keys = createKeys({ ...DEFAULT_NAMESPACE, namespace: NAMESPACE });
  const nowMs = toExactMs(await redis.time());
  const found = inAll(shards, RESERVABLE).map(async (stock) => {
    const total = Number(await redis.get(keys.hold(new HoldCell(stock, 'total')).key));
    const quantities = await redis.hvals(keys.hold(new HoldCell(stock, 'quantity')).key);
    const sum = quantities.reduce((sum, quantity) => sum + Number(quantity), 0);
    const over = await redis.zcount(keys.hold(new HoldCell(stock, 'end')).key, '-inf', nowMs - OVERDUE_MS);
    return [nameOf(stock), { total, sum, over }] as const;
  });
  return new Map(await Promise.all(found));
}

/** The same in all shards, or what there is in one and the other. */
async function readBadCells(redis: RedisClient, shards: Shards): Promise<string> {
  const found = shards.map(async (shard) => {
    const [list, text, edge] = BAD_CELLS.map(({ key }) => shard + key) as [string, string, string];
    return `${(await redis.lrange(list, 0, -1)).join(',')} | ${await redis.get(text)} | ${await redis.get(edge)}`;
  });
  return [...new Set(await Promise.all(found))].join(' and ');
}

/** They begin with the namespace, in a Cluster the tag of their slot, the owner, who has no name here unless he reverts, and the operation. */
const PATTERNS_OF_RECEIPTS = [`${NAMESPACE}:idem:*`, `${NAMESPACE}:{*}:idem:*`];
const RECEIPT = new RegExp(`^${NAMESPACE}(?::\\{[^}]*\\})?:idem:([^:]*):([^:]+):(.*)$`, 's');

async function readIdempotencyReceipts(redis: RedisClient): Promise<Map<string, string>> {
  const keys = await Promise.all(PATTERNS_OF_RECEIPTS.map((pattern) => scanKeys(redis, pattern)));
  const found = await inBatches(keys.flat(), async (batch) => {
    const receipts = await Promise.all(batch.map((key) => redis.get(key)));
    return batch.map((receipt, place) => {
      const [, owner = '', operation = '', key = ''] = RECEIPT.exec(receipt) ?? [];
      const ofOwner = owner === '' ? key : `${decodeURIComponent(owner)} ${key}`;
      return [keyName(operation, ofOwner), receipts[place] ?? ''] as const;
    });
  });
  return new Map(found);
}

/** The names of the job receipts that Redis has. */
export async function readReceiptNames(redis: RedisClient): Promise<Set<string>> {
  return new Set(await scanKeys(redis, `${NAMESPACE}:job:*`));
}
