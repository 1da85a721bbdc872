import type { Registry } from '../../src/operations/registry.js';
import type { UsedPartitions } from '../../src/jobs/used-partitions.js';
import type { MasterProbe } from '../../src/redis/master-probe.js';
import type { RedisClient } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';
import { slotOf } from '../../src/redis/slots.js';
import { boardName } from '../board/board-name.js';

/** The board's names of the queues of some jobs, by job id. */
export type BoardNames = ReadonlyMap<string, string>;

interface Deps {
  readonly redis: RedisClient;
  readonly keys: Keys;
  readonly masters: MasterProbe;
  readonly registry: Registry;
  readonly used: UsedPartitions;
}

/**
 * Finds where the board has jobs of these operations. An id tells the partition only together with the number of partitions:
 * where there was more than one number, it is looked where the job is, and one that is no longer kept, or whose master does not answer, has no place.
 */
export async function boardNamesOf(
  { redis, keys, masters, registry, used }: Deps,
  jobs: readonly { readonly jobId: string; readonly operation: string }[],
): Promise<BoardNames> {
  if (jobs.length === 0) {
    return new Map();
  }
  const ways = await used.read();
  const places = jobs.flatMap(({ jobId, operation }) => {
    const queue = registry.find(operation)?.queue;
    return queue === undefined ? [] : ways.map((way) => ({ jobId, queue, partition: way.ofJob(jobId) }));
  });
  const isThere = async ({ jobId, queue, partition }: (typeof places)[number]) =>
    ways.length === 1 ||
    ((await masters.faultOf(slotOf(partition.prefix))) === undefined &&
      (await redis.exists(keys.job(queue, jobId, partition.prefix))) === 1);
  const found = await Promise.all(places.map(isThere));
  return new Map(
    places
      .filter((_, index) => found[index])
      .map(({ jobId, queue, partition }) => [jobId, boardName(queue, partition)] as const),
  );
}
