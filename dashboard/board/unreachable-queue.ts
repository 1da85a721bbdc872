import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Registry } from '../../src/operations/registry.js';
import { wordsOfShown } from './queue-words.js';
import type { ShownQueue } from './shown-queues.js';

/** Ends its title on the board. */
export const NOT_KNOWN = ': not known';

/**
 * A queue as the board shows it while its master does not answer: without numbers and buttons, and outside of the group of
 * its partitions, whose sums don't hold it: see `away-group.ts`. Whatever is asked of it is refused before it comes here, see `refuse-away.ts`.
 */
export class AwayQueue extends BullMQAdapter {
  constructor(
    private readonly shown: ShownQueue,
    registry: Registry,
    readonly fault: string,
  ) {
    const { displayName, description } = wordsOfShown(shown, registry);
    super(shown.queue, {
      displayName: displayName + NOT_KNOWN,
      description: `${fault}, and nothing is known of this queue until it does. ${description}`,
      readOnlyMode: true,
    });
  }

  override getName(): string {
    return this.shown.boardName;
  }

  override getStatuses(): ReturnType<BullMQAdapter['getStatuses']> {
    return [];
  }

  override getJobStatuses(): ReturnType<BullMQAdapter['getJobStatuses']> {
    return [];
  }

  override getJobCounts(): ReturnType<BullMQAdapter['getJobCounts']> {
    return Promise.resolve({});
  }

  override getJobs(): ReturnType<BullMQAdapter['getJobs']> {
    return Promise.resolve([]);
  }

  override getWorkers(): Promise<null> {
    return Promise.resolve(null);
  }

  override isPaused(): Promise<boolean> {
    return Promise.resolve(false);
  }

  override getGlobalConcurrency(): Promise<null> {
    return Promise.resolve(null);
  }

  override getActiveRateLimitTtl(): Promise<number> {
    return Promise.resolve(0);
  }

  override getJobSchedulersCount(): Promise<number> {
    return Promise.resolve(0);
  }
}
