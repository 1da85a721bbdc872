import { parseUpdateId } from '../jobs/job-id.js';
import { KEEP_COMPLETED_MS } from '../jobs/job-options.js';
import { readKept } from '../jobs/kept-outcomes.js';
import type { KeptOutcomes } from '../jobs/kept-outcomes.js';
import type { Layout } from '../layout/layout.js';
import { timeOfJobId } from '../layout/new-job-id.js';
import type { Registry } from '../operations/registry.js';
import type { Connection } from '../redis/connection.js';
import { toMs } from '../redis/server-time.js';
import { askRedis } from '../redis/ask-redis.js';

interface Asked {
  readonly redis: Connection;
  readonly registry: Registry;
  /** All layouts in use. */
  readonly readLayouts: () => Promise<readonly Layout[]>;
  readonly timeoutMs: number;
}

/** Ids are made by the clocks of producers, which may be ahead of that of Redis. */
const CLOCKS_DIFFER_MS = 60_000;

/**
 * Whether an update that is not found may have been completed and forgotten: its id is from a time of which outcomes are kept no
 * more, because it is further back than they are kept, or because there were too many since.
 *
 * @throws QueueUnavailableError when Redis does not answer in time
 */
export async function wasForgotten(deps: Asked, id: string): Promise<boolean> {
  const jobId = parseUpdateId(id)?.jobId;
  const madeAtMs = jobId === undefined ? undefined : timeOfJobId(jobId);
  if (jobId === undefined || madeAtMs === undefined) {
    return false;
  }
  const [now, kept] = await askRedis(
    deps.redis,
    deps.timeoutMs,
    Promise.all([deps.redis.time(), readAllKept(deps, jobId)]),
  );
  const ageMs = Math.max(0, ...kept.map((each) => each.ageMs ?? 0)) || KEEP_COMPLETED_MS;
  const removedToMs = Math.max(0, ...kept.map((each) => each.removedToMs + CLOCKS_DIFFER_MS));
  const goneUpTo = Math.max(toMs(now) - ageMs, kept.some((each) => each.removedToMs > 0) ? removedToMs : 0);
  return madeAtMs <= goneUpTo;
}

/** An id tells the partition, but not the queue, and a job may have ended either way. */
async function readAllKept({ redis, registry, readLayouts }: Asked, jobId: string): Promise<KeptOutcomes[]> {
  const layouts = await readLayouts();
  const prefixes = [...new Set(layouts.map((layout) => layout.partitionOfJob(jobId).prefix))];
  const places = prefixes.flatMap((prefix) => registry.queues.map((queue) => ({ prefix, queue })));
  return Promise.all(
    places.flatMap((place) => (['completed', 'failed'] as const).map((state) => readKept(redis, place, state))),
  );
}
