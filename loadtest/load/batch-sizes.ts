import type { BatchBucket } from './result.js';

/** Jobs whose updates may still be answered. Those of one job are answered together, so few are under way at a time. */
const MAX_JOBS_REMEMBERED = 2_000;

/** Counts how many updates travelled in each job. */
export class BatchSizes {
  readonly #recent = new Map<string, number>();
  /** By the logarithm of the bucket's end. */
  readonly #buckets = new Map<number, { jobs: number; updates: number }>();

  add(jobId: string): void {
    this.#recent.set(jobId, (this.#recent.get(jobId) ?? 0) + 1);
    if (this.#recent.size > MAX_JOBS_REMEMBERED) {
      const [oldest] = this.#recent.keys();
      this.#settle(oldest ?? '');
    }
  }

  histogram(): BatchBucket[] {
    for (const jobId of [...this.#recent.keys()]) {
      this.#settle(jobId);
    }
    return [...this.#buckets]
      .sort(([a], [b]) => a - b)
      .map(([power, counts]) => ({ from: power === 0 ? 1 : 2 ** (power - 1) + 1, to: 2 ** power, ...counts }));
  }

  #settle(jobId: string): void {
    const updates = this.#recent.get(jobId) ?? 1;
    this.#recent.delete(jobId);
    const power = Math.ceil(Math.log2(updates));
    const bucket = this.#buckets.get(power) ?? { jobs: 0, updates: 0 };
    this.#buckets.set(power, { jobs: bucket.jobs + 1, updates: bucket.updates + updates });
  }
}
