import { AttemptWorker } from '../../bullmq/attempt-worker.js';
import type { Delivery } from './delivery-queue.js';

/** The worker of the queue of deliveries. */
export class DeliveryWorker extends AttemptWorker<Delivery, string> {
  protected override dataRead(): void {
    // what a delivery sends is in its data
  }

  protected override failureFor(error: Error): Error {
    return error;
  }
}
