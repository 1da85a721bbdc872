import type { Redis } from 'ioredis';
import { countJobs } from '../src/bullmq/queue-state.js';
import { parseStored, readStoredJob } from '../src/bullmq/stored-job.js';
import { decodeRecord, encodeRecord, FORM } from '../src/jobs/form.js';
import { decodeKeyReceipt } from '../src/jobs/key-receipt.js';
import { digestOfJob, parseJobData } from '../src/jobs/job-data.js';
import { SplitReceipts } from '../src/layout/split-receipts.js';
import { openStore } from '../src/layout/store.js';
import type { Store } from '../src/layout/store.js';
import { ConfigurationError } from '../src/errors.js';
import { parseCellId } from '../src/redis/cell.js';
import { createRegistry } from '../src/operations/registry.js';
import type { Step } from '../src/operations/operation.js';
import type { CheckContext } from '../src/operations/update.js';
import { readClients } from '../src/redis/client-list.js';
import { copyAnnounced } from '../src/redis/announced.js';
import type { Connection } from '../src/redis/connection.js';
import { NO_SLOT, SLOTS, slotOf, tagOf } from '../src/redis/slots.js';
import { connectionOptions, createContext, findRedis } from './context.js';

const TIMEOUT_MS = 30_000;
const SCAN_COUNT = 1_000;

/** What PTTL answers of a key that is not there. */
const GONE_MS = -2;

/** What is moved, and how a Cluster reads it. */
interface Move extends Store {
  readonly namespace: string;
  readonly inCluster: CheckContext;
}

/**
 * `tally prepare-cluster`: renames what one server remembers of keys, jobs and cells to where a Cluster looks for it. It may be
 * run again, after it was broken off.
 */
export async function prepareCluster(): Promise<void> {
  const context = createContext(process.stderr);
  const options = connectionOptions(context, findRedis(context));
  const store = openStore({ ...options, connectionName: 'tally-prepare-cluster', timeoutMs: TIMEOUT_MS });
  const { redis, keys } = store;
  const receipts = new SplitReceipts();
  const move = {
    ...store,
    namespace: options.namespace,
    inCluster: {
      registry: createRegistry(context.operations),
      isReservedKey: keys.isReserved,
      slotOf: (steps: readonly Step[]) => receipts.slotOf(steps),
    },
  };
  try {
    await requireAtRest(move);
    await copyAnnounced(redis, keys, SLOTS);
    const moved = {
      'receipts of idempotency keys': await rename(move, 'idem', slotOfKeyReceipt),
      histories: await rename(move, 'history', slotOfHistory),
      'receipts of jobs': await splitJobReceipts(move),
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
    store.close();
  }
}

/** @throws ConfigurationError when something is under way, or lies where a Cluster has no queues */
async function requireAtRest({ redis, layouts, inCluster }: Move): Promise<void> {
  if (redis.isCluster) {
    throw new ConfigurationError(
      'this is a Cluster already: give the one server whose keys are to be moved (REDIS_URL)',
    );
  }
  const connected = await connectedParts(redis);
  if (connected.length > 0) {
    throw new ConfigurationError(
      `${connected.join(', ')} are connected, and would look for what is renamed where it was: stop all of Tally first`,
    );
  }
  for (const { count, partitions } of await layouts.read()) {
    for (const { prefix } of partitions) {
      for (const queue of inCluster.registry.queues) {
        const sets = ['active', 'waiting', 'prioritized', 'delayed'] as const;
        const { active, ...jobs } = await countJobs(redis, { prefix, queue }, sets);
        if (active > 0) {
          throw new ConfigurationError(`${active} jobs run in the queue "${queue}": stop producers and workers first`);
        }
        const waiting = jobs.waiting + jobs.prioritized + jobs.delayed;
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

/** Which parts of Tally that read or write receipts are connected, by the names of their connections. */
async function connectedParts(redis: Connection): Promise<string[]> {
  const [server] = redis.masters() as [Redis];
  const names = (await readClients(server)).map(({ name = '' }) => /^tally-(?:worker|producer)\b/.exec(name)?.[0]);
  return [...new Set(names.flatMap((name) => (name === undefined ? [] : `${name}s`)))];
}

interface Moved {
  done: number;
  /** What could not be moved. */
  readonly left: string[];
}

/** Undefined of what this command can't tell, `gone` of what has ended. */
type FoundSlot = number | 'gone' | undefined;

/** Renames all keys of a kind into the slots that are found for them. */
async function rename(
  { redis, namespace }: Move,
  kind: 'idem' | 'history',
  slotFor: (key: string, id: string, redis: Connection) => FoundSlot | Promise<FoundSlot>,
): Promise<Moved> {
  const moved: Moved = { done: 0, left: [] };
  const start = `${namespace}:${kind}:`;
  for await (const key of keysWith(redis, start)) {
    const slot = await slotFor(key, key.slice(start.length), redis);
    if (slot === undefined) {
      moved.left.push(key);
    } else if (slot !== 'gone' && (await renameIfThere(redis, key, nameInSlot(namespace, key, slot)))) {
      moved.done += 1;
    }
  }
  return moved;
}

async function renameIfThere(redis: Connection, key: string, name: string): Promise<boolean> {
  try {
    await redis.rename(key, name);
    return true;
  } catch (error) {
    if ((error as Error).message === 'ERR no such key') {
      return false;
    }
    throw error;
  }
}

/** What a Cluster calls a key of one server. */
function nameInSlot(namespace: string, key: string, slot: number): string {
  return `${namespace}:{${tagOf(slot)}}:${key.slice(namespace.length + 1)}`;
}

function slotOfHistory(_key: string, id: string): number | undefined {
  const cell = parseCellId(id);
  return cell && slotOf(cell.key);
}

async function slotOfKeyReceipt(key: string, _id: string, redis: Connection): Promise<FoundSlot> {
  const text = await redis.get(key);
  if (text === null) {
    return 'gone';
  }
  const { slot = NaN } = decodeKeyReceipt(text) ?? {};
  return Number.isInteger(slot) ? slot : undefined;
}

/** A job has one receipt on a server, and on a Cluster one in each slot of its updates. */
async function splitJobReceipts(move: Move): Promise<Moved> {
  const { redis, namespace } = move;
  const moved: Moved = { done: 0, left: [] };
  const start = `${namespace}:job:`;
  for await (const key of keysWith(redis, start)) {
    const text = await redis.get(key);
    const record = decodeRecord(text);
    const job = await readJob(move, key.slice(start.length));
    if (job === 'gone' || text === null) {
      continue; // nothing of it can run again, or it has ended
    }
    if (job === 'unreadable' || record === undefined || job.slots.includes(undefined) || job.isOther(record.digest)) {
      moved.left.push(key);
      continue;
    }
    const ttlMs = await redis.pttl(key);
    if (ttlMs === GONE_MS) {
      continue;
    }
    for (const slot of new Set(job.slots)) {
      const outcomes = record.outcomes.filter((_, index) => job.slots[index] === slot);
      const name = nameInSlot(namespace, key, slot ?? 0);
      await redis.set(name, encodeRecord(FORM, { digest: record.digest, outcomes }), 'PX', Math.max(1, ttlMs));
    }
    await redis.del(key);
    moved.done += 1;
  }
  return moved;
}

/** What a receipt answers for. */
interface AnsweredJob {
  /** Of each update; undefined where this command can't tell. */
  readonly slots: readonly (number | undefined)[];
  /** Whether a receipt with this digest is that of other data. */
  readonly isOther: (digest: string) => boolean;
}

/** The job that a receipt is named after: its own, that of somebody else with a time, or one put back and removed since. */
async function readJob(move: Move, hash: string): Promise<AnsweredJob | 'unreadable' | 'gone'> {
  const [, withoutTime] = /^(.*):\d+$/s.exec(hash) ?? [];
  const [, batch, index] = /^(.*)\.(\d{1,5})$/s.exec(hash) ?? [];
  const job =
    (await readSlots(move, hash)) ?? (withoutTime === undefined ? undefined : await readSlots(move, withoutTime));
  if (job !== undefined || batch === undefined) {
    return job ?? 'gone';
  }
  const whole = await readSlots(move, batch); // it may run again, and would put the update back once more
  return whole === undefined || whole === 'unreadable'
    ? (whole ?? 'gone')
    : { slots: [whole.slots[Number(index)]], isOther: () => false };
}

async function readSlots({ redis, inCluster }: Move, hash: string): Promise<AnsweredJob | 'unreadable' | undefined> {
  const { name, data } = await readStoredJob(redis, hash, ['name', 'data']);
  if (!name || !data) {
    return undefined;
  }
  try {
    const { updates } = parseJobData(name, parseStored(data), inCluster);
    const slots = updates.map((update) => ('refusal' in update || update.slot === NO_SLOT ? undefined : update.slot));
    return { slots, isOther: (digest) => digest !== digestOfJob(data) };
  } catch {
    return 'unreadable'; // somebody has edited it
  }
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
