import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { createRegistry } from '../../src/operations/registry.js';
import { settleScript } from '../../src/bullmq/scripts.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { monitor } from '../support/monitor.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const JOBS = 200;

test('a job costs no round trips beyond those of BullMQ and one EVALSHA, and settling is batched', async () => {
  const plain = await commandsOf(async (here) => {
    const queue = new Queue('plain', { connection: here.client, prefix: here.prefix });
    await queue.addBulk(Array.from({ length: JOBS }, () => ({ name: 'job', data: {} })));
    await queue.close();
    return () => {
      const worker = new Worker('plain', () => Promise.resolve('5'), {
        connection: serverOf(here).duplicate({ maxRetriesPerRequest: null }),
        prefix: here.prefix,
        concurrency: 50,
      });
      onTestFinished(() => worker.close());
      return until(
        'all are completed',
        async () => (await here.client.zcard(`${here.prefix}:plain:completed`)) === JOBS,
      );
    };
  });
  const tally = await commandsOf(async (here) => {
    await here.producer({ maxBatch: 1 }).submit(
      Array.from({ length: JOBS }, () => ({
        operation: 'counter.increment' as const,
        params: { key: here.key('n') },
      })),
    );
    return async () => {
      await here.worker({ queues: ['counters'] });
      await until('all are settled', async () => {
        const receipts = await here.client.keys(`${here.namespace}:job:*`);
        const lives = await Promise.all(receipts.map((key) => here.client.ttl(key)));
        return lives.length === JOBS && lives.every((ttl) => ttl <= 600);
      });
    };
  });

  const isScript = (sha: string) => (command: string[]) => command[0] === 'evalsha' && command[1] === sha;
  expect(tally.filter(isScript(applyScript(createRegistry()).sha))).toHaveLength(JOBS);
  const settles = tally.filter(isScript(settleScript().sha)).length;
  expect(settles).toBeGreaterThan(0);
  expect(settles).toBeLessThan(JOBS / 4);
  expect(tally.length - JOBS - settles).toBeLessThan(plain.length + JOBS / 4);
});

function serverOf({ client }: Place): Redis {
  return client.masters()[0]!;
}

/** What is sent to a Redis of its own while the prepared work runs; what scripts call there is not counted. */
async function commandsOf(prepare: (here: Place) => Promise<() => Promise<void>>): Promise<string[][]> {
  const redis = await ownRedis();
  const here = place(redis.url);
  const work = await prepare(here);
  const commands: string[][] = [];
  const looks = new Set(['zcard', 'ttl', 'keys']); // the test's own
  await monitor(serverOf(here), ([name, first = ''], source) => {
    if (source !== 'lua' && !looks.has(name)) {
      commands.push([name, first]);
    }
  });
  await work();
  return commands;
}
