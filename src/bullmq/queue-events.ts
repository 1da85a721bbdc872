import { lateClass } from '../lib/late-class.js';
import { bullmq } from './bullmq.js';
import { tryAgainLater } from './try-again-later.js';

/** BullMQ's listener to the events of a queue, which keeps no process running that has closed it while Redis is unreachable. */
export class Events extends lateClass(() => bullmq().QueueEvents) {
  protected override checkConnectionError<T>(command: () => Promise<T>): Promise<T | undefined> {
    return tryAgainLater(this, command);
  }
}
