import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { inject, onTestFinished } from 'vitest';
import { createProducer, createWorker } from '../../src/index.js';
import type { Operation, Producer, ProducerOptions, TallyWorker, WorkerOptions } from '../../src/index.js';
import type { BuiltInOperation } from '../../src/operations/registry.js';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';

/** A part of Redis that one test has for itself, removed at its end. */
export interface Place {
  readonly redis: string;
  readonly namespace: string;
  readonly prefix: string;
  readonly logger: Logger;
  /** A name for a cell that no other test uses. */
  key(name: string): string;
  /** A plain connection to look at what is stored. */
  readonly client: Redis;
  producer<Custom extends Operation = never>(
    options?: Partial<ProducerOptions<Custom>>,
  ): Producer<BuiltInOperation | Custom>;
  /** A running worker. */
  worker(options?: Partial<WorkerOptions>): Promise<TallyWorker>;
}

/** Gives a test names of its own in the shared Redis, or in the one given. What it opens is closed after it. */
export function place(redis: string = inject('redisUrl')): Place {
  const id = randomBytes(6).toString('hex');
  const names = {
    redis,
    namespace: `t-${id}`,
    prefix: `b-${id}`,
    logger: pino({ level: process.env['TEST_LOG'] ?? 'silent' }),
  };
  const client = new Redis(redis);
  client.on('error', () => undefined);
  const opened: { close(): Promise<void> }[] = [];
  onTestFinished(async () => {
    await Promise.all(opened.map((it) => it.close()));
    if (client.status === 'ready') {
      await removeKeys(client, id);
    }
    client.disconnect();
  });
  return {
    ...names,
    client,
    key: (name) => `${id}:${name}`,
    producer: (options) => {
      const producer = createProducer({ ...names, ...options });
      opened.push(producer);
      return producer;
    },
    worker: async (options) => {
      const worker = createWorker({ ...names, ...options });
      opened.push(worker);
      await worker.ready();
      return worker;
    },
  };
}

async function removeKeys(client: Redis, id: string): Promise<void> {
  for await (const keys of client.scanStream({ match: `*${id}*`, count: 1000 }) as AsyncIterable<string[]>) {
    if (keys.length > 0) {
      await client.unlink(keys);
    }
  }
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

/** Waits until a condition holds, looking every 20 ms, for 15 s at most. */
export async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error(`did not come true within 15 s: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
