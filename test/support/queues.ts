import { Queue, Worker } from 'bullmq';
import type { Job, Processor } from 'bullmq';
import { onTestFinished } from 'vitest';
import { until } from './tally.js';
import type { Place } from './tally.js';

/** A queue as plain BullMQ opens it, closed after the test. */
export function openQueue(here: Place, name = 'counters', prefix = here.partition.prefix): Queue {
  const queue = new Queue(name, { connection: here.client, prefix });
  onTestFinished(() => queue.close());
  return queue;
}

/** A worker of another program on one of Tally's queues, in a Cluster on its master; closed after the test. */
export async function foreignWorker(here: Place, name: string, processor: Processor): Promise<Worker> {
  await here.client.exists(`${here.partition.prefix}:${name}:meta`); // by now it is connected to the queue's master
  const { remoteAddress: host, remotePort: port } = here.client.masterOf(here.partition.slot)!.stream;
  const worker = new Worker(name, processor, {
    connection: { host: host!, port: port! },
    prefix: here.partition.prefix,
    stalledInterval: 300, // how soon it takes over the jobs of the dead
  });
  worker.on('error', () => undefined);
  onTestFinished(() => worker.close());
  await worker.waitUntilReady();
  return worker;
}

export async function jobOf(queue: Queue, jobId: string): Promise<Job> {
  return (await queue.getJob(jobId)) as Job;
}

/** Waits until a job has come to its end, completed or failed. */
export async function ended(queue: Queue, jobId: string): Promise<Job> {
  await until(`job ${jobId} has ended`, async () => ['completed', 'failed'].includes(await queue.getJobState(jobId)));
  return jobOf(queue, jobId);
}
