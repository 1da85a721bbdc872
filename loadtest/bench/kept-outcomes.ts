import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { createProducer, createWorker } from '../../src/index.js';
import { ApiServer, createApi } from '../../src/api/api.js';
import type { Report } from '../progress.js';

/** What a kept outcome takes of Redis' memory. */
export interface Kept {
  readonly how: string;
  readonly updates: number;
  /** Bytes of Redis for one update, beside receipts and the cell. */
  readonly bytes: number;
  /** What Tally reckons with, see `lua/kept-bytes.lua`. */
  readonly reckoned: number;
  /** Of the receipt of its idempotency key, which has a life of its own. */
  readonly keyReceipt: number;
}

type Submit = (from: number, to: number) => Promise<unknown>;

const logger = pino({ level: 'silent' });
const IN_FLIGHT = 200;

/** Measures what completed updates take that came alone, in batches, and through the HTTP API with idempotency keys. */
export async function measureKept(redisUrl: string, { report }: { report: Report }): Promise<Kept[]> {
  const alone = createProducer({ redis: redisUrl, logger, maxBatch: 1 });
  const batching = createProducer({ redis: redisUrl, logger });
  const api = createApi({ redis: redisUrl, logger });
  const server = new ApiServer(api.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const update = (number: number) => ({
    operation: 'counter.increment' as const,
    params: { key: `count:${number % 100}` },
  });
  const submitWith =
    (producer: typeof alone): Submit =>
    async (from, to) => {
      const submissions = await producer.submit(Array.from({ length: to - from }, (_, n) => update(from + n)));
      await Promise.all(submissions.map((submission) => submission.outcome()));
    };
  const post: Submit = (from, to) =>
    Promise.all(
      Array.from({ length: to - from }, async (_, n) => {
        const response = await fetch(`${origin}/v1/updates?wait=30000`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ ...update(from + n), idempotencyKey: `order-${from + n}-0123456789abcdef` }),
        });
        await response.arrayBuffer();
      }),
    );
  try {
    return [
      await measure(redisUrl, { how: 'alone', updates: 20_000, step: IN_FLIGHT, submit: submitWith(alone), report }),
      await measure(redisUrl, { how: 'batched', updates: 256_000, step: 2_560, submit: submitWith(batching), report }),
      await measure(redisUrl, { how: 'HTTP, one at a time, with keys', updates: 5_000, step: 1, submit: post, report }),
    ];
  } finally {
    await server.closeInOrder(1_000);
    await Promise.all([api.close(), alone.close(), batching.close()]);
  }
}

async function measure(
  redisUrl: string,
  {
    how,
    updates,
    step,
    submit,
    report,
  }: { how: string; updates: number; step: number; submit: Submit; report: Report },
): Promise<Kept> {
  report(`kept: ${how}`);
  const redis = new Redis(redisUrl);
  const worker = createWorker({ redis: redisUrl, logger, queues: ['counters'] });
  try {
    await worker.ready();
    await submit(0, 100); // cells, events and queues
    await clear(redis);
    const before = await usedBytes(redis);
    for (let from = 0; from < updates; from += step) {
      await submit(from, Math.min(updates, from + step));
    }
    await worker.close(); // settles all jobs
    await redis.del('tally-queues:counters:events');
    const keyReceipts = await bytesOf(redis, 'tally:idem:*');
    await clear(redis, ['tally:job:*', 'tally:idem:*']);
    const after = await usedBytes(redis);
    const reckoned = Number(await redis.hget('tally-queues:counters:completed:kept', 'bytes'));
    return {
      how,
      updates,
      bytes: (after - before) / updates,
      reckoned: reckoned / updates,
      keyReceipt: keyReceipts / updates,
    };
  } finally {
    await clear(redis);
    redis.disconnect();
  }
}

/** What ended, and receipts, go. */
async function clear(
  redis: Redis,
  patterns = ['tally:job:*', 'tally:idem:*', 'tally-queues:counters:*'],
): Promise<void> {
  for (const match of patterns) {
    for await (const keys of redis.scanStream({ match, count: 1_000 }) as AsyncIterable<string[]>) {
      await (keys.length > 0 && redis.unlink(keys));
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 500)); // memory is given back beside the commands
}

async function usedBytes(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}

async function bytesOf(redis: Redis, match: string): Promise<number> {
  let bytes = 0;
  for await (const keys of redis.scanStream({ match, count: 1_000 }) as AsyncIterable<string[]>) {
    for (const key of keys) {
      bytes += (await redis.memory('USAGE', key)) ?? 0;
    }
  }
  return bytes;
}
