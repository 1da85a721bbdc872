import type { Logger } from 'pino';
import { KEEP_COMPLETED, KEEP_FAILED } from '../jobs/job-options.js';
import type { TallyQueue } from '../jobs/queues.js';

const INTERVAL_MS = 3_600_000;
const MAX_PER_CALL = 1_000;

/**
 * Removes jobs that have been kept long enough. BullMQ does so only when another job of the queue ends, so in a
 * quiet queue they would outlive their receipts.
 */
export class Janitor {
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly queues: readonly TallyQueue[],
    private readonly logger: Logger,
  ) {
    this.#timer = setInterval(() => void this.clean(), INTERVAL_MS);
    this.#timer.unref();
  }

  async clean(): Promise<void> {
    try {
      for (const queue of this.queues) {
        await removeOlder(queue, 'completed', KEEP_COMPLETED.age);
        await removeOlder(queue, 'failed', KEEP_FAILED.age);
      }
    } catch (error) {
      this.logger.debug({ err: error }, 'could not remove old jobs, trying again in an hour');
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

async function removeOlder(queue: TallyQueue, state: 'completed' | 'failed', ageSeconds: number): Promise<void> {
  let removed: string[];
  do {
    removed = await queue.clean(ageSeconds * 1000, MAX_PER_CALL, state);
  } while (removed.length === MAX_PER_CALL);
}
