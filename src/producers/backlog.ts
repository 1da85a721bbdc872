import type { Logger } from 'pino';
import { BackpressureError } from '../errors.js';
import type { TallyQueue } from '../jobs/queues.js';

/** How old a count may be. A producer can overshoot the limit by what it sends in this time. */
const MAX_AGE_MS = 250;

/** How old it may be that says no, of a producer that submits nothing meanwhile. */
const FULL_MAX_AGE_MS = 1_000;

/**
 * Keeps a queue from growing without end while workers are too few or gone. Counts in the background, at most four
 * times a second and only while updates are submitted, or the queue is full, so that no submit waits for a count.
 */
export class Backlog {
  #jobs = 0;
  #countedAtMs = 0;
  #counting = false;
  #isClosed = false;
  #next: NodeJS.Timeout | undefined;

  constructor(
    private readonly queue: TallyQueue,
    private readonly limit: number,
    private readonly logger: Logger,
  ) {}

  /**
   * @param nowMs of `performance.now()`
   * @throws BackpressureError when as many jobs wait as may
   */
  requireRoom(nowMs: number): void {
    if (nowMs - this.#countedAtMs > MAX_AGE_MS) {
      void this.#count();
    }
    if (this.#jobs >= this.limit) {
      throw new BackpressureError(
        `${this.#jobs} jobs wait in the queue "${this.queue.name}", the limit is ${this.limit}; nothing was accepted, ` +
          'send it again later, or start more workers',
      );
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#next);
  }

  async #count(): Promise<void> {
    if (this.#counting) {
      return;
    }
    this.#counting = true;
    try {
      this.#jobs = await this.queue.getJobCountByTypes('wait', 'prioritized', 'delayed');
      this.#countedAtMs = performance.now();
    } catch (error) {
      this.logger.debug({ err: error, queue: this.queue.name }, 'could not count the jobs that wait');
    } finally {
      this.#counting = false;
      clearTimeout(this.#next);
      if (this.#jobs >= this.limit && !this.#isClosed) {
        this.#next = setTimeout(() => void this.#count(), FULL_MAX_AGE_MS).unref();
      }
    }
  }
}
