import type { Redis } from 'ioredis';
import { jobKey } from '../../../src/bullmq/queue-keys.js';
import { readStoredJob } from '../../../src/bullmq/stored-job.js';
import type { Outcome } from '../../../src/index.js';
import type { RedisTarget } from '../../../src/redis/target.js';
import { FIRST_LOOK_MS, LAST_LOOK_MS, LOOK_EVERY_MS, MAX_LOOKS } from '../../../src/producers/outcome-listener.js';
import { JobEnds } from '../../plain-bullmq/job-ends.js';
import type { JobEnd } from '../../plain-bullmq/job-ends.js';
import { PLAIN_QUEUE } from '../../plain-bullmq/queue.js';

/** When a job is looked at whose event may have been missed. */
interface Look {
  atMs: number;
  againMs: number;
}

/**
 * Tells how the jobs of the plain queue end, by the means by which Tally follows its own: events, of which BullMQ keeps about 10,000,
 * and looks at jobs as often as Tally takes them. With fewer, the load would measure its own looks.
 */
export class PlainOutcomes {
  readonly #ends: JobEnds;
  readonly #looks = new Map<string, Look>();
  readonly #looking: NodeJS.Timeout;
  #lookUnderWay = false;

  /** @param redis a connection for looks */
  constructor(
    target: RedisTarget,
    private readonly prefix: string,
    private readonly redis: Redis,
  ) {
    this.#ends = new JobEnds(target, prefix);
    this.#looking = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  ready(): Promise<void> {
    return this.#ends.ready();
  }

  /** The outcome of a job; asked for before the job is added. */
  async follow(jobId: string): Promise<Outcome> {
    this.#looks.set(jobId, { atMs: performance.now() + FIRST_LOOK_MS, againMs: FIRST_LOOK_MS });
    const end = await this.#ends.follow(jobId);
    this.#looks.delete(jobId);
    return outcomeOf(end);
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    await this.#ends.close();
  }

  async #look(): Promise<void> {
    const nowMs = performance.now();
    const due = [...this.#looks].filter(([, { atMs }]) => atMs <= nowMs).slice(0, MAX_LOOKS);
    if (this.#lookUnderWay || due.length === 0) {
      return;
    }
    for (const [, look] of due) {
      look.againMs = Math.min(LAST_LOOK_MS, look.againMs * 2);
      look.atMs = nowMs + look.againMs;
    }
    this.#lookUnderWay = true;
    try {
      await this.#lookAt(due.map(([jobId]) => jobId));
    } catch {
      // the next look tells
    } finally {
      this.#lookUnderWay = false;
    }
  }

  async #lookAt(jobIds: readonly string[]): Promise<void> {
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
