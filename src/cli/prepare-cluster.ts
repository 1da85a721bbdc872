import type { Redis } from 'ioredis';
import { decodeRecord, encodeRecord, FORM } from '../jobs/form.js';
import { digestOfJob, parseJobData } from '../jobs/job-data.js';
import { parseJson } from '../jobs/job-end.js';
import { PartitionCounts } from '../jobs/partition-counts.js';
import { Partitions } from '../jobs/partitions.js';
import { ConfigurationError } from '../errors.js';
import { parseCellId } from '../operations/cell.js';
import { createRegistry } from '../operations/registry.js';
import type { CheckContext } from '../operations/update.js';
import { copyAnnounced } from '../redis/announced.js';
import { connectPromptly } from '../redis/connection.js';
import type { Connection } from '../redis/connection.js';
import { createKeys } from '../redis/keys.js';
import type { Keys } from '../redis/keys.js';
import { SLOTS, slotOf, tagOf } from '../redis/slots.js';
import { createContext, findRedis } from './context.js';

const TIMEOUT_MS = 30_000;
const SCAN_COUNT = 1_000;

interface Deps {
  readonly redis: Connection;
  readonly keys: Keys;
  readonly namespace: string;
  readonly prefix: string;
  readonly check: CheckContext;
}

/**
 * `tally prepare-cluster`: renames what one server remembers of keys, jobs and cells to where a Cluster looks for it. It may be
 * run again, after it was broken off.
 */
export async function prepareCluster(): Promise<void> {
  const context = createContext(process.stderr);
  const { TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix } = context.config;
  const keys = createKeys({ namespace, prefix });
  const redis = connectPromptly(findRedis(context), 'tally-prepare-cluster', TIMEOUT_MS, context.logger);
  const registry = createRegistry();
  const deps = {
    redis,
    keys,
    namespace,
    prefix,
    check: { registry, isReservedKey: keys.isReserved, slots: 'cluster' as const },
  };
  try {
    await requireAtRest(deps);
    await copyAnnounced(redis, keys, SLOTS);
    const moved = {
      'receipts of idempotency keys': await rename(deps, 'idem', slotOfKeyReceipt),
      histories: await rename(deps, 'history', (id) =>
        Promise.resolve(parseCellId(id)?.key).then((key) => key && slotOf(key)),
      ),
      'receipts of jobs': await splitJobReceipts(deps),
    };
    for (const [what, { done, left }] of Object.entries(moved)) {
      console.log(
        `${done} ${what} lie where a Cluster looks for them${left.length === 0 ? '' : `, ${left.length} do not`}`,
      );
      for (const name of left) {
        console.log(`  left: ${name}`);
      }
    }
    process.exitCode = Object.values(moved).some(({ left }) => left.length > 0) ? 1 : 0;
  } finally {
    redis.disconnectAll();
  }
}

/** @throws ConfigurationError when something is under way, or lies where a Cluster has no queues */
async function requireAtRest({ redis, keys, prefix, check }: Deps): Promise<void> {
  if (redis.isCluster) {
    throw new ConfigurationError(
      'this is a Cluster already: give the one server whose keys are to be moved (REDIS_URL)',
    );
  }
  const counts = await new PartitionCounts(redis, keys).read();
  for (const count of [undefined, ...counts]) {
    for (const partition of new Partitions(prefix, count).all) {
      for (const queue of check.registry.queues) {
        const key = (type: string) => keys.job(queue, type, partition.prefix);
        const active = await redis.llen(key('active'));
        if (active > 0) {
          throw new ConfigurationError(`${active} jobs run in the queue "${queue}": stop producers and workers first`);
        }
        const waiting =
          (await redis.llen(key('wait'))) +
          (await redis.zcard(key('prioritized'))) +
          (await redis.zcard(key('delayed')));
        if (count === undefined && waiting > 0) {
          throw new ConfigurationError(
            `${waiting} jobs wait in the queue "${queue}", which is not split, and so can't be in a Cluster: run workers with ` +
              'TALLY_PARTITIONS=8 until tally doctor says that none is left there',
          );
        }
      }
    }
  }
}

interface Moved {
  done: number;
  /** What could not be moved. */
  readonly left: string[];
}

/** Renames all keys of a kind into the slots that are found for them. */
async function rename(
  { redis, namespace }: Deps,
  kind: 'idem' | 'history',
  slotFor: (id: string, redis: Connection, key: string) => Promise<number | '' | undefined>,
): Promise<Moved> {
  const moved: Moved = { done: 0, left: [] };
  const start = `${namespace}:${kind}:`;
  for await (const key of keysWith(redis, start)) {
    const slot = await slotFor(key.slice(start.length), redis, key);
    if (typeof slot === 'number') {
      await redis.rename(key, `${namespace}:{${tagOf(slot)}}:${key.slice(namespace.length + 1)}`);
      moved.done += 1;
    } else {
      moved.left.push(key);
    }
  }
  return moved;
}

async function slotOfKeyReceipt(_id: string, redis: Connection, key: string): Promise<number | undefined> {
  const [, slot] = /^tally\/\d+ (\d+) /.exec((await redis.get(key)) ?? '') ?? [];
  return slot === undefined ? undefined : Number(slot);
}

/** A job has one receipt on a server, and on a Cluster one in each slot of its updates. */
async function splitJobReceipts(deps: Deps): Promise<Moved> {
  const { redis, namespace } = deps;
  const moved: Moved = { done: 0, left: [] };
  const start = `${namespace}:job:`;
  for await (const key of keysWith(redis, start)) {
    const record = decodeRecord(await redis.get(key));
    const job = await readJob(deps, key.slice(start.length));
    if (job === undefined) {
      continue; // nothing of it can run again
    }
    if (record?.digest !== job.digest || job.slots.includes(undefined)) {
      moved.left.push(key);
      continue;
    }
    const ttlMs = await redis.pttl(key);
    for (const slot of new Set(job.slots)) {
      const outcomes = record.outcomes.filter((_, index) => job.slots[index] === slot);
      const name = `${namespace}:{${tagOf(slot ?? 0)}}:${key.slice(namespace.length + 1)}`;
      await redis.set(name, encodeRecord(FORM, { digest: record.digest, outcomes }), 'PX', Math.max(1, ttlMs));
    }
    await redis.del(key);
    moved.done += 1;
  }
  return moved;
}

/** The slots of the updates of the job that a receipt is named after; of one that was put back and removed, from its batch. */
async function readJob(
  { redis, check }: Deps,
  hash: string,
): Promise<{ digest: string; slots: (number | undefined)[] } | undefined> {
  const [, withoutTime] = /^(.*):\d+$/s.exec(hash) ?? [];
  for (const key of [hash, ...(withoutTime === undefined ? [] : [withoutTime])]) {
    const [name, text] = await redis.hmget(key, 'name', 'data');
    if (name && text) {
      const { updates } = parseJobData(name, parseJson(text), check);
      return {
        digest: digestOfJob(text),
        slots: updates.map((update) => ('refusal' in update ? undefined : update.slot)),
      };
    }
  }
  return undefined;
}

async function* keysWith(redis: Connection, start: string): AsyncGenerator<string> {
  const seen = new Set<string>();
  const pattern = `${start.replace(/[\\*?[\]]/g, '\\$&')}*`;
  const [server] = redis.masters() as [Redis];
  for await (const batch of server.scanStream({ match: pattern, count: SCAN_COUNT }) as AsyncIterable<string[]>) {
    for (const key of batch.filter((each) => !seen.has(each))) {
      seen.add(key);
      yield key;
    }
  }
}
