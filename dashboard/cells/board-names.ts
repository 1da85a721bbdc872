import { jobKey } from '../../src/bullmq/queue-keys.js';
import type { Registry } from '../../src/operations/registry.js';
import type { Store } from '../../src/layout/store.js';
import { boardName } from '../board/board-name.js';

/** The board's names of the queues of some jobs, by job id. */
export type BoardNames = ReadonlyMap<string, string>;

/**
 * Finds where the board has jobs of these operations. An id tells the partition only together with the number of partitions:
 * where there was more than one number, it is looked where the job is, and one that is no longer kept, or whose master does not answer, has no place.
 */
export async function boardNamesOf(
  { redis, masters, layouts, registry }: Store & { readonly registry: Registry },
  jobs: readonly { readonly jobId: string; readonly operation: string }[],
): Promise<BoardNames> {
  if (jobs.length === 0) {
    return new Map();
  }
  const known = await layouts.known();
  const places = jobs.flatMap(({ jobId, operation }) => {
    const queue = registry.find(operation)?.queue;
    return queue === undefined
      ? []
      : known.map((layout) => ({ jobId, queue, partition: layout.partitionOfJob(jobId) }));
  });
  const isThere = async ({ jobId, queue, partition }: (typeof places)[number]) =>
    known.length === 1 ||
    ((await masters.faultOf(partition.slot)) === undefined &&
      (await redis.exists(jobKey({ prefix: partition.prefix, queue }, jobId))) === 1);
  const found = await Promise.all(places.map(isThere));
  return new Map(
    places
      .filter((_, index) => found[index])
      .map(({ jobId, queue, partition }) => [jobId, boardName(queue, partition)] as const),
  );
}
