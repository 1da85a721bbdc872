import type { Redis } from 'ioredis';
import { jobKey } from '../../../src/bullmq/queue-keys.js';
import { readStoredJob } from '../../../src/bullmq/stored-job.js';
import type { Outcome } from '../../../src/index.js';
import type { RedisTarget } from '../../../src/redis/target.js';
import { JobEnds } from '../../plain-bullmq/job-ends.js';
import type { JobEnd } from '../../plain-bullmq/job-ends.js';
import { PLAIN_QUEUE } from '../../plain-bullmq/queue.js';

/** BullMQ keeps about 10,000 events: a listener that falls behind misses some, and has to look at the jobs. */
const LOOK_EVERY_MS = 1_000;
const LOOKED_AT_ONCE = 1_000;

/** Tells how the jobs of the plain queue end, also when their events were missed. */
export class PlainOutcomes {
  readonly #ends: JobEnds;
  readonly #looking: NodeJS.Timeout;

  /** @param redis a connection for looks */
  constructor(
    target: RedisTarget,
    private readonly prefix: string,
    private readonly redis: Redis,
  ) {
    this.#ends = new JobEnds(target, prefix);
    this.#looking = setInterval(() => void this.#look().catch(() => undefined), LOOK_EVERY_MS);
  }

  ready(): Promise<void> {
    return this.#ends.ready();
  }

  /** The outcome of a job; asked for before the job is added. */
  async follow(jobId: string): Promise<Outcome> {
    return outcomeOf(await this.#ends.follow(jobId));
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    await this.#ends.close();
  }

  async #look(): Promise<void> {
    const jobIds = [...this.#ends.followed].slice(0, LOOKED_AT_ONCE);
    const place = { prefix: this.prefix, queue: PLAIN_QUEUE };
    const fields = ['endedAtMs', 'returned', 'failedReason'] as const;
    const found = await Promise.all(jobIds.map((jobId) => readStoredJob(this.redis, jobKey(place, jobId), fields)));
    for (const [index, { endedAtMs, returned, failedReason }] of found.entries()) {
      if (endedAtMs) {
        this.#ends.tell(jobIds[index] ?? '', failedReason ? { failedReason } : { returned });
      }
    }
  }
}

/** How the job ended, as Tally would say it. */
function outcomeOf(end: JobEnd): Outcome {
  if ('failedReason' in end) {
    return { status: 'unknown', reason: 'FAILED', message: end.failedReason }; // an attempt before may have applied it
  }
  const returned = Number(end.returned);
  return returned < 0
    ? { status: 'rejected', reason: 'INSUFFICIENT_STOCK', message: 'there is too little in stock' }
    : { status: 'applied', result: { taken: returned } };
}
