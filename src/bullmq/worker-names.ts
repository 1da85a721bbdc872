import type { QueuePlace } from './queue-keys.js';

/** Stands between the name of a queue and that of a worker which has one. */
export const WORKER_NAME_SEPARATOR = ':w:';

/** The name of the connection on which a worker waits for jobs, in CLIENT LIST. @param worker the worker's own name, if any */
export function workerConnectionName({ prefix, queue }: QueuePlace, worker?: string): string {
  const ofQueue = `${prefix}:${Buffer.from(queue).toString('base64')}`;
  return worker === undefined ? ofQueue : ofQueue + WORKER_NAME_SEPARATOR + worker;
}
