import type { JobsOptions } from 'bullmq';
import type { Operation } from '../operations/operation.js';
import type { PendingUpdate } from './pending-update.js';
import type { KeyTerms, Sender } from './sender.js';

/** Updates on their way that have their jobs for themselves. */
export class UnbatchedJobs {
  readonly #sending = new Set<Promise<void>>();

  constructor(private readonly sender: Pick<Sender, 'send'>) {}

  get size(): number {
    return this.#sending.size;
  }

  send(operation: Operation, item: PendingUpdate, options: JobsOptions, terms?: KeyTerms): void {
    const sending = this.sender.send(operation, [item], options, terms).then((submissions) => {
      submissions.forEach(item.resolve);
    }, item.reject);
    this.#sending.add(sending);
    void sending.then(() => this.#sending.delete(sending));
  }

  /** Resolves when all so far are sent or refused. */
  async flush(): Promise<void> {
    await Promise.all(this.#sending);
  }
}
