import { Worker } from 'bullmq';
import type { Processor, Queue, WorkerOptions } from 'bullmq';
import { onTestFinished, test } from 'vitest';
import type { QueuePlace } from '../../src/bullmq/queue-keys.js';
import { connectPatiently } from '../../src/redis/connect.js';
import type { RedisClient } from '../../src/redis/connection.js';
import { slotOf } from '../../src/redis/slots.js';
import { openQueue } from '../support/queues.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/**
 * What Tally relies on of BullMQ beyond its documentation. A test for each such fact, against the BullMQ that is installed: when
 * one fails after an update of BullMQ, its name ends in the file to look at, and nothing else knows the fact.
 */
export function fact(what: string, { lookAt }: { readonly lookAt: string }, check: () => Promise<void> | void): void {
  test(`${what}; if not, look at ${lookAt}`, check);
}

export const QUEUE = 'counters';

export function begin(): { here: Place; queue: Queue; at: QueuePlace } {
  skipUnlessOneServer('what BullMQ keeps does not depend on how servers stand together');
  const here = place();
  return { here, queue: openQueue(here, QUEUE), at: { prefix: here.partition.prefix, queue: QUEUE } };
}

/** A connection as a worker needs it, to where the queue is. */
export function workerConnection(here: Place): RedisClient {
  const connection = connectPatiently(here.redis, 'test-worker', here.logger);
  onTestFinished(() => {
    connection.disconnectAll();
  });
  return connection.forSlot(slotOf(here.partition.prefix));
}

/** Closed after the test. */
export async function startWorker(
  here: Place,
  processor: Processor,
  options: Partial<WorkerOptions> = {},
): Promise<Worker> {
  const connection = workerConnection(here);
  const worker = new Worker(QUEUE, processor, { connection, prefix: here.partition.prefix, ...options });
  await untilReady(worker);
  return worker;
}

/** Waits until a worker runs, and closes it after the test. */
export async function untilReady(worker: Pick<Worker, 'on' | 'close' | 'waitUntilReady'>): Promise<void> {
  worker.on('error', () => undefined);
  onTestFinished(() => worker.close(true));
  await worker.waitUntilReady();
}
