import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { inject, onTestFinished } from 'vitest';
import type { Layout } from '../../src/layout/layout.js';
import type { Partition } from '../../src/layout/partitions.js';
import { createProducer, createReader, createWorker } from '../../src/index.js';
import type { Operation, Producer, ProducerOptions, Reader, TallyWorker, WorkerOptions } from '../../src/index.js';
import { openStore } from '../../src/layout/store.js';
import type { BuiltInOperation } from '../../src/operations/registry.js';
import type { Connection } from '../../src/redis/connection.js';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { NO_SLOT, slotOf, tagOf } from '../../src/redis/slots.js';
import type { Slot } from '../../src/redis/slots.js';
import { skipUnlessOneServer } from './skip-unless-one-server.js';

const CLIENT_TIMEOUT_MS = 20_000;

/** Of a Redis that is up all the time: when it does not answer, the machine is busy. */
export const SUBMIT_TIMEOUT_MS = 60_000;

/** `TEST_CALL_BY_SLOT=1`: workers on a Cluster call slot by slot, as on servers before Redis 7; where outcomes are told they can't. */
function bySlot({ outcomes }: Partial<WorkerOptions> = {}): Partial<WorkerOptions> {
  return process.env['TEST_CALL_BY_SLOT'] === '1' && outcomes === undefined ? { callByMaster: false } : {};
}

/** A part of Redis that one test has for itself, removed at its end. */
export interface Place {
  readonly redis: string;
  readonly namespace: string;
  readonly prefix: string;
  readonly logger: Logger;
  /** A name for a cell that no other test uses. All of a test lie in one slot. */
  key(name: string): string;
  /** A name for a cell that no other test uses, in a slot of its own. */
  scattered(name: string): string;
  /** The slot of the cells of `key` in a Cluster; none elsewhere. */
  readonly slot: Slot;
  /** As producers and workers have it that are told nothing else. */
  readonly layout: Layout;
  /** Where the jobs of cells of `key` are: its prefix is the first part of BullMQ's keys. */
  readonly partition: Partition;
  /** First part of the keys of their receipts. */
  readonly receipts: string;
  /** The receipt of a job of theirs. @param queue `counters` by default */
  jobReceipt(jobId: string, queue?: string): string;
  /** A plain connection to look at what is stored. */
  readonly client: Connection;
  producer<Custom extends Operation = never>(
    options?: Partial<ProducerOptions<Custom>>,
  ): Producer<BuiltInOperation | Custom>;
  reader(): Reader;
  /** A running worker. */
  worker(options?: Partial<WorkerOptions>): Promise<TallyWorker>;
}

/**
 * What still closes when its test is over. In a Cluster a worker waits until marks are on the disk (`src/workers/receipt-expirer.ts`):
 * the next test need not.
 */
const closing: Promise<void>[] = [];

/** Resolves once that has closed; `close-all.ts` waits for it at the end of each file. */
export async function allClosed(): Promise<void> {
  await Promise.all(closing.splice(0));
}

/**
 * Gives a test names of its own in the shared Redis, or in the one given. What it opens is closed after it.
 *
 * @param staysUp whether that Redis is up all the time, as the shared one is: producers then bear a busy machine
 */
export function place(redis: string = inject('redisUrl'), { staysUp = redis === inject('redisUrl') } = {}): Place {
  const id = randomBytes(6).toString('hex');
  const names = {
    redis,
    namespace: `t-${id}`,
    prefix: `b-${id}`,
    logger: pino({ level: process.env['TEST_LOG'] ?? 'silent' }),
  };
  const store = openStore({ ...names, connectionName: 'test', timeoutMs: CLIENT_TIMEOUT_MS });
  const { redis: client } = store;
  const opened: { close(): Promise<void> | void }[] = [];
  const isShared = redis === inject('redisUrl');
  const close = async () => {
    await Promise.all(opened.map(async (it) => it.close()));
    if (isShared && client.status === 'ready') {
      await removeKeys(client, id); // what is in a Redis of the test's own goes with it
    }
    client.disconnect();
  };
  onTestFinished(async () => {
    const closed = close();
    if (isShared && client.isCluster) {
      closing.push(closed);
      closed.catch(() => undefined); // `allClosed` tells
    } else {
      await closed;
    }
  });
  const { configured: layout } = store.layouts;
  const slot = layout.receipts.slotFor(slotOf(id));
  const partition = layout.partitionOf(slot);
  const receipts = slot === NO_SLOT ? names.namespace : `${names.namespace}:{${tagOf(slot)}}`;
  return {
    ...names,
    client,
    key: (name) => `{${id}}:${name}`,
    scattered: (name) => `${id}:${name}`,
    slot,
    layout,
    partition,
    receipts,
    jobReceipt: (jobId, queue = 'counters') => `${receipts}:job:${partition.prefix}:${queue}:${jobId}`,
    producer: (options) => {
      const patience = staysUp && options?.redis === undefined ? { submitTimeoutMs: SUBMIT_TIMEOUT_MS } : {};
      const producer = createProducer({ ...names, ...patience, ...options });
      opened.push(producer);
      return producer;
    },
    reader: () => {
      const reader = createReader(names);
      opened.push(reader);
      return reader;
    },
    worker: async (options) => {
      const worker = createWorker({ ...names, ...bySlot(options), ...options });
      opened.push(worker);
      await worker.ready();
      return worker;
    },
  };
}

async function removeKeys(client: Connection, id: string): Promise<void> {
  const keys = await keysLike({ client }, `*${id}*`);
  await Promise.all(keys.map((key) => client.unlink(key)));
}

/** The keys that fit a pattern, on all masters. */
export async function keysLike({ client }: Pick<Place, 'client'>, pattern: string): Promise<string[]> {
  const found: string[] = [];
  for (const master of client.masters()) {
    for await (const keys of master.scanStream({ match: pattern, count: 1_000 }) as AsyncIterable<string[]>) {
      found.push(...keys);
    }
  }
  return found;
}

/** A Redis that one test has for itself, on the same port before and after a restart. */
export interface OwnRedis {
  readonly url: string;
  /** The process of the server that runs now. */
  pid(): number;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A Redis of the test's own, for what would disturb others: memory limits, restarts, lost scripts. */
export async function ownRedis(settings: readonly string[] = []): Promise<OwnRedis> {
  skipUnlessOneServer('it needs a server of its own');
  const dataDir = mkdtempSync(join(tmpdir(), 'tally-test-'));
  let redis = await startEmbeddedRedis({ dataDir, settings });
  const port = Number(new URL(redis.url).port);
  onTestFinished(async () => {
    await redis.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return {
    url: redis.url,
    pid: () => redis.pid,
    stop: () => redis.stop(),
    start: async () => {
      redis = await startEmbeddedRedis({ dataDir, settings, port });
    },
  };
}

/**
 * Waits until a condition holds, looking every 20 ms, for a minute at most or as long as is said: what takes a second takes many of
 * them on a busy machine.
 */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  limitMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error(`did not come true within ${limitMs / 1000} s: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
