import { QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { jobKey } from '../../../src/bullmq/queue-keys.js';
import { readStoredJob } from '../../../src/bullmq/stored-job.js';
import type { Outcome } from '../../../src/index.js';
import type { RedisTarget } from '../../../src/redis/target.js';
import { connectPlainly } from './connect-plainly.js';
import { PLAIN_QUEUE, plainOutcome } from './plain-job.js';

interface Coming {
  readonly outcome: Promise<Outcome>;
  readonly resolve: (outcome: Outcome) => void;
}

/** BullMQ keeps about 10,000 events: a listener that falls behind misses some, and has to look at the jobs. */
const LOOK_EVERY_MS = 1_000;
const LOOKED_AT_ONCE = 1_000;

/** Hears how the jobs of the plain queue end. */
export class PlainOutcomes {
  readonly #coming = new Map<string, Coming>();
  readonly #blocking: Redis;
  readonly #events: QueueEvents;
  readonly #looking: NodeJS.Timeout;

  /** @param redis a connection for looks */
  constructor(
    target: RedisTarget,
    private readonly prefix: string,
    private readonly redis: Redis,
  ) {
    this.#blocking = connectPlainly(target, { maxRetriesPerRequest: null });
    this.#events = new QueueEvents(PLAIN_QUEUE, { connection: this.#blocking, prefix });
    this.#events.on('error', () => undefined);
    this.#events.on('completed', ({ jobId, returnvalue }: { jobId: string; returnvalue: unknown }) => {
      this.#end(jobId, plainOutcome(Number(returnvalue)));
    });
    this.#events.on('failed', ({ jobId, failedReason }) => {
      this.#end(jobId, failure(failedReason));
    });
    this.#looking = setInterval(() => void this.#look().catch(() => undefined), LOOK_EVERY_MS);
  }

  async ready(): Promise<void> {
    await this.#events.waitUntilReady();
  }

  /** The outcome of a job; asked for before the job is added. */
  follow(jobId: string): Promise<Outcome> {
    const known = this.#coming.get(jobId);
    if (known !== undefined) {
      return known.outcome;
    }
    let resolve: (outcome: Outcome) => void = () => undefined;
    const outcome = new Promise<Outcome>((settle) => {
      resolve = settle;
    });
    this.#coming.set(jobId, { outcome, resolve });
    return outcome;
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    await this.#events.close();
    this.#blocking.disconnect();
  }

  #end(jobId: string, outcome: Outcome): void {
    this.#coming.get(jobId)?.resolve(outcome);
    this.#coming.delete(jobId);
  }

  async #look(): Promise<void> {
    const jobIds = [...this.#coming.keys()].slice(0, LOOKED_AT_ONCE);
    const place = { prefix: this.prefix, queue: PLAIN_QUEUE };
    const fields = ['endedAtMs', 'returned', 'failedReason'] as const;
    const found = await Promise.all(jobIds.map((jobId) => readStoredJob(this.redis, jobKey(place, jobId), fields)));
    for (const [index, { endedAtMs, returned, failedReason }] of found.entries()) {
      if (endedAtMs) {
        this.#end(jobIds[index] ?? '', failedReason ? failure(failedReason) : plainOutcome(Number(returned)));
      }
    }
  }
}

/** A plain job that failed may have been applied by an attempt before. */
function failure(failedReason: string): Outcome {
  return { status: 'unknown', reason: 'FAILED', message: failedReason };
}
