import { QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import type { RedisTarget } from '../../src/redis/target.js';
import { connectPlainly } from './connect-plainly.js';
import { PLAIN_QUEUE } from './queue.js';

/** How a job ended. */
export type JobEnd = { readonly returned: unknown } | { readonly failedReason: string };

interface Coming {
  readonly end: Promise<JobEnd>;
  readonly resolve: (end: JobEnd) => void;
}

/** Hears how the jobs of the plain queue end: one listener for all, on a connection of its own. */
export class JobEnds {
  readonly #coming = new Map<string, Coming>();
  readonly #blocking: Redis;
  readonly #events: QueueEvents;

  constructor(target: RedisTarget, prefix?: string) {
    this.#blocking = connectPlainly(target, { maxRetriesPerRequest: null });
    this.#events = new QueueEvents(PLAIN_QUEUE, {
      connection: this.#blocking,
      ...(prefix !== undefined && { prefix }),
    });
    this.#events.on('error', () => undefined);
    this.#events.on('completed', ({ jobId, returnvalue }: { jobId: string; returnvalue: unknown }) => {
      this.tell(jobId, { returned: returnvalue });
    });
    this.#events.on('failed', ({ jobId, failedReason }) => {
      this.tell(jobId, { failedReason });
    });
  }

  async ready(): Promise<void> {
    await this.#events.waitUntilReady();
  }

  /** How a job ends; asked for before the job is added. */
  follow(jobId: string): Promise<JobEnd> {
    const known = this.#coming.get(jobId);
    if (known !== undefined) {
      return known.end;
    }
    let resolve: (end: JobEnd) => void = () => undefined;
    const end = new Promise<JobEnd>((settle) => {
      resolve = settle;
    });
    this.#coming.set(jobId, { end, resolve });
    return end;
  }

  /** Also for who has looked at the job: events may be missed. */
  tell(jobId: string, end: JobEnd): void {
    this.#coming.get(jobId)?.resolve(end);
    this.#coming.delete(jobId);
  }

  async close(): Promise<void> {
    await this.#events.close();
    this.#blocking.disconnect();
  }
}
