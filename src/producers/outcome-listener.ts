import type { QueueEvents } from 'bullmq';
import { Events } from '../bullmq/queue-events.js';
import { OutcomeTimeoutError, TallyError } from '../errors.js';
import { endOf, readJobStates } from '../jobs/job-end.js';
import type { JobEnd, JobState } from '../jobs/job-end.js';
import { isFailure } from '../jobs/form.js';
import { updateId } from '../jobs/job-id.js';
import type { Partition } from '../layout/partitions.js';
import type { Store } from '../layout/store.js';
import type { Slot } from '../redis/slots.js';

/** First look at a job whose event may have passed before its caller waited, doubling up to the second. */
export const FIRST_LOOK_MS = 100;
export const LAST_LOOK_MS = 5_000;
export const LOOK_EVERY_MS = 50;
export const MAX_LOOKS = 1_000;

/** The latest completed jobs: an event may be faster than the answer to the call that added the job. */
const MAX_REMEMBERED = 500;

/** setTimeout takes no more: about 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface WaitingJob {
  readonly slot: Slot | undefined;
  readonly waiters: Set<Waiter>;
  lookAt: number;
  lookAgainMs: number;
}

interface Waiter {
  resolve(end: JobEnd | 'unknown'): void;
  reject(error: Error): void;
}

/** Its connection is a patient one; BullMQ makes a copy of it for its blocking read. */
interface ListenedQueue extends Pick<Store, 'redis' | 'keys' | 'layouts' | 'logger'> {
  readonly queue: string;
  readonly partition: Partition;
}

/**
 * Tells how the jobs of one queue in one partition end, over one connection for all who wait. Events may be missed (they are
 * trimmed, connections break), so it also looks at the jobs themselves now and then.
 */
export class OutcomeListener {
  readonly #events: QueueEvents;
  readonly #jobs = new Map<string, WaitingJob>();
  readonly #completed = new Map<string, JobEnd>();
  #looking: NodeJS.Timeout | undefined;
  #lookUnderWay = false;

  constructor(private readonly deps: ListenedQueue) {
    this.#events = new Events(deps.queue, {
      connection: deps.redis.forSlot(deps.partition.slot),
      prefix: deps.partition.prefix,
    });
    this.#events.on('completed', ({ jobId, returnvalue }) => {
      const end = endOf({ returnvalue });
      if ('failedReason' in end) {
        this.#lookSoon(jobId);
      } else {
        this.#remember(jobId, end); // also where somebody waits: others of its updates may be asked for next
        this.#end(jobId, end);
      }
    });
    this.#events.on('failed', ({ jobId, failedReason }) => {
      if (isFailure(failedReason)) {
        this.#end(jobId, { failedReason });
      } else {
        this.#lookSoon(jobId);
      }
    });
    this.#events.on('error', (error) => {
      deps.logger.debug({ err: error, queue: deps.queue }, 'queue events error');
    });
  }

  /**
   * How the job ends; `unknown` when it was removed and has no receipt.
   *
   * @param slot where the receipt of its only or first update lies; undefined when that is not known
   * @throws OutcomeTimeoutError when it does not end within the time
   */
  async wait(jobId: string, index: number, slot: Slot | undefined, timeoutMs: number): Promise<JobEnd | 'unknown'> {
    const known = this.#completed.get(jobId);
    if (known !== undefined) {
      return known;
    }
    const job = this.#jobs.get(jobId) ?? {
      slot,
      waiters: new Set(),
      lookAt: performance.now() + FIRST_LOOK_MS,
      lookAgainMs: FIRST_LOOK_MS,
    };
    this.#jobs.set(jobId, job);
    this.#looking ??= setInterval(() => void this.#look(), LOOK_EVERY_MS);
    let waiter: Waiter | undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<JobEnd | 'unknown'>((resolve, reject) => {
        waiter = { resolve, reject };
        job.waiters.add(waiter);
        timer = setTimeout(
          () => {
            reject(new OutcomeTimeoutError(updateId(jobId, index), timeoutMs));
          },
          Math.min(timeoutMs, MAX_TIMER_MS),
        );
      });
    } finally {
      clearTimeout(timer);
      this.#leave(jobId, job, waiter);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    for (const jobId of [...this.#jobs.keys()]) {
      this.#reject(jobId, new TallyError('CLOSED', 'the producer was closed while waiting for the outcome'));
    }
    await this.#events.close();
  }

  #leave(jobId: string, job: WaitingJob, waiter: Waiter | undefined): void {
    if (waiter !== undefined) {
      job.waiters.delete(waiter);
    }
    if (job.waiters.size === 0 && this.#jobs.get(jobId) === job) {
      this.#jobs.delete(jobId);
    }
    if (this.#jobs.size === 0) {
      clearInterval(this.#looking);
      this.#looking = undefined;
    }
  }

  /** Only what is final: a failed job may be retried before its caller asks. */
  #remember(jobId: string, end: JobEnd): void {
    this.#completed.set(jobId, end);
    const [oldest] = this.#completed.keys();
    if (oldest !== undefined && this.#completed.size > MAX_REMEMBERED) {
      this.#completed.delete(oldest);
    }
  }

  /** Somebody else ended the job: what Tally itself may have recorded of it counts for more. */
  #lookSoon(jobId: string): void {
    const job = this.#jobs.get(jobId);
    if (job !== undefined) {
      job.lookAt = 0;
    }
  }

  #end(jobId: string, end: JobEnd | 'unknown'): void {
    for (const waiter of this.#take(jobId)) {
      waiter.resolve(end);
    }
  }

  #reject(jobId: string, error: Error): void {
    for (const waiter of this.#take(jobId)) {
      waiter.reject(error);
    }
  }

  #take(jobId: string): readonly Waiter[] {
    const waiters = [...(this.#jobs.get(jobId)?.waiters ?? [])];
    this.#jobs.delete(jobId);
    return waiters;
  }

  async #look(): Promise<void> {
    // While Redis is unreachable, looks would pile up in the connection.
    if (this.#lookUnderWay || this.deps.redis.status !== 'ready') {
      return;
    }
    const now = performance.now();
    const due = [...this.#jobs].filter(([, job]) => job.lookAt <= now).slice(0, MAX_LOOKS);
    if (due.length === 0) {
      return;
    }
    for (const [, job] of due) {
      job.lookAgainMs = Math.min(LAST_LOOK_MS, job.lookAgainMs * 2);
      job.lookAt = now + job.lookAgainMs;
    }
    const { queue, partition, logger } = this.deps;
    this.#lookUnderWay = true;
    try {
      const states = await readJobStates(
        this.deps,
        due.map(([jobId, { slot }]) => ({ queue, partition, jobId, slot })),
      );
      for (const [place, [jobId]] of due.entries()) {
        const state: JobState | undefined = states[place];
        if (state !== undefined && state !== 'unfinished') {
          this.#end(jobId, state);
        }
      }
    } catch (error) {
      logger.debug({ err: error, queue }, 'could not look at jobs');
    } finally {
      this.#lookUnderWay = false;
    }
  }
}
