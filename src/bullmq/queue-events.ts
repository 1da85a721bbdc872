import { QueueEvents } from 'bullmq';
import { tryAgainLater } from './try-again-later.js';

/** BullMQ's listener to the events of a queue, which keeps no process running that has closed it while Redis is unreachable. */
export class Events extends QueueEvents {
  protected override checkConnectionError<T>(command: () => Promise<T>): Promise<T | undefined> {
    return tryAgainLater(this, command);
  }
}
