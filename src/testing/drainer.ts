import { setTimeout as pause } from 'node:timers/promises';
import { bullmq } from '../bullmq/bullmq.js';
import { dueUntil } from '../bullmq/job-ids.js';
import { countJobs } from '../bullmq/queue-state.js';
import { openQueue, placeOf } from '../jobs/queues.js';
import type { TallyQueue } from '../jobs/queues.js';
import type { Store } from '../layout/store.js';
import { distinctPartitions } from '../layout/layouts.js';
import { sampleClocks } from '../redis/clock.js';

const LOOK_MS = 5;
const RUNNING = ['waiting', 'active', 'prioritized'] as const;

/** Sees that what may run runs, and waits for it. */
export class Drainer {
  /** By prefix. */
  readonly #queues = new Map<string, readonly TallyQueue[]>();

  constructor(
    private readonly store: Pick<Store, 'redis' | 'layouts' | 'logger'>,
    private readonly names: readonly string[],
  ) {}

  async drain(timeoutMs = 10_000): Promise<void> {
    const endsAtMs = performance.now() + timeoutMs;
    for (;;) {
      const left = (await Promise.all((await this.#queuesNow()).map((queue) => this.#leftIn(queue)))).flat();
      if (left.length === 0) {
        return;
      }
      if (performance.now() > endsAtMs) {
        throw new Error(`not drained within ${timeoutMs} ms: ${left.join('; ')}`);
      }
      await pause(LOOK_MS);
    }
  }

  /** What is delayed until now runs at once, in place of when the worker has a look. */
  async promoteDue(): Promise<void> {
    await sampleClocks();
    await Promise.all(
      (await this.#queuesNow()).map(async (queue) => {
        for (const id of await this.#due(queue)) {
          const job = await bullmq().Job.fromId(queue, id);
          await job?.promote().catch(() => undefined); // the worker was quicker
        }
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].flat().map((queue) => queue.close()));
  }

  /** Also those of producers that split them. */
  async #queuesNow(): Promise<readonly TallyQueue[]> {
    const { redis, layouts, logger } = this.store;
    return distinctPartitions(await layouts.read()).flatMap(({ prefix }) => {
      const queues = this.#queues.get(prefix) ?? this.names.map((name) => openQueue(name, prefix, redis, logger));
      this.#queues.set(prefix, queues);
      return queues;
    });
  }

  async #leftIn(queue: TallyQueue): Promise<string[]> {
    const counts = await countJobs(this.store.redis, placeOf(queue), RUNNING);
    const all = { ...counts, delayed: (await this.#due(queue)).length };
    const found = Object.entries(all).filter(([, count]) => count > 0);
    return found.length === 0 ? [] : [`${queue.name} has ${found.map(([set, count]) => `${count} ${set}`).join(', ')}`];
  }

  #due(queue: TallyQueue): Promise<string[]> {
    return dueUntil(this.store.redis, placeOf(queue), Date.now());
  }
}
