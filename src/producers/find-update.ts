import { z } from 'zod';
import { readJobStates } from '../jobs/finished-job.js';
import type { JobEnd } from '../jobs/finished-job.js';
import { parseUpdateId, putBackJobId } from '../jobs/job-id.js';
import type { Partition, Partitions } from '../jobs/partitions.js';
import type { UsedPartitions } from '../jobs/used-partitions.js';
import type { Operation } from '../operations/operation.js';
import { decodeOutcome, outcomeOfFailedJob } from '../operations/outcome.js';
import type { Outcome } from '../operations/outcome.js';
import type { Registry } from '../operations/registry.js';
import type { Connection } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { askRedis } from './ask-redis.js';

/** An update that was found by its id. */
export interface FoundUpdate {
  readonly id: string;
  readonly operation: string;
  /** As the job holds them: someone may have edited it. */
  readonly params: unknown;
  /** The job that carries it now: when it failed within a batch, the job that the batch put back. */
  readonly jobId: string;
  /** Attempts of that job that have ended. */
  readonly attempts: number;
  /** What became of it; absent while it waits or runs. */
  readonly outcome?: Outcome;
}

interface Deps {
  readonly redis: Connection;
  readonly keys: Keys;
  readonly registry: Registry;
  readonly partitions: Partitions;
  /** For updates that were put into partitions of another number. */
  readonly used: UsedPartitions;
  readonly timeoutMs: number;
}

interface StoredJob {
  readonly queue: string;
  readonly partition: Partition;
  readonly jobId: string;
  readonly name: string;
  readonly updates: readonly unknown[];
  readonly attempts: number;
}

/** Of the data of a job, which someone may have edited. */
const storedData = z.object({ updates: z.array(z.unknown()) });

/**
 * Looks an update up by its id: in two round trips, since an id does not tell the queue; in two more when it was put into
 * partitions of another number.
 *
 * @returns undefined when there is no such update, or its job was removed or can't be read any more
 * @throws QueueUnavailableError when Redis does not answer in time
 */
export async function findUpdate(deps: Deps, id: string): Promise<FoundUpdate | undefined> {
  const place = parseUpdateId(id);
  if (place === undefined) {
    return undefined;
  }
  const { jobId: batchId, index } = place;
  const putBackId = putBackJobId(batchId, index);
  const reading = readJobs(deps, [putBackId, batchId]);
  const jobs = await askRedis(deps.redis, deps.timeoutMs, reading);
  const job = jobs.find(({ jobId }) => jobId === putBackId) ?? jobs[0];
  const operation = job && deps.registry.find(job.name);
  if (job === undefined || operation === undefined) {
    return undefined;
  }
  const indexInJob = job.jobId === putBackId ? 0 : index;
  if (indexInJob >= job.updates.length) {
    return undefined;
  }
  const [state = 'unknown'] = await askRedis(deps.redis, deps.timeoutMs, readJobStates(deps.redis, deps.keys, [job]));
  if (state === 'unknown') {
    return undefined;
  }
  const params = job.updates[indexInJob];
  const found = { id, operation: operation.name, params, jobId: job.jobId, attempts: job.attempts };
  if (state === 'unfinished') {
    return found;
  }
  const attempts = Math.max(1, job.attempts); // it may have ended after they were read
  return { ...found, attempts, outcome: outcomeAt(state, indexInJob, operation, params) };
}

function outcomeAt(end: JobEnd, index: number, operation: Operation, params: unknown): Outcome {
  return 'failedReason' in end
    ? outcomeOfFailedJob(end.failedReason)
    : decodeOutcome(end.outcomes[index] ?? '', operation, params);
}

interface JobPlace {
  readonly queue: string;
  readonly partition: Partition;
  readonly jobId: string;
}

/** The jobs of these ids, which tell the same partition. */
async function readJobs(deps: Deps, jobIds: readonly [string, ...string[]]): Promise<StoredJob[]> {
  const { partitions, used } = deps;
  const found = await readJobsIn(deps, partitions.ofJob(jobIds[0]), jobIds);
  if (found.length > 0) {
    return found;
  }
  const elsewhere = (await used.read())
    .filter(({ count }) => count !== partitions.count)
    .map((others) => readJobsIn(deps, others.ofJob(jobIds[0]), jobIds));
  return (await Promise.all(elsewhere)).flat();
}

async function readJobsIn(
  { redis, keys, registry }: Deps,
  partition: Partition,
  jobIds: readonly string[],
): Promise<StoredJob[]> {
  const places = jobIds.flatMap((jobId) => registry.queues.map((queue) => ({ jobId, queue, partition })));
  const jobs = places.map(async (place) =>
    parseJob(place, await redis.hmget(keys.job(place.queue, place.jobId, partition.prefix), 'name', 'data', 'atm')),
  );
  return (await Promise.all(jobs)).flat();
}

/** No job where there is none, or where its data is not that of one. */
function parseJob(place: JobPlace, [name, data, attempts]: readonly (string | null)[]): StoredJob[] {
  if (!name || !data) {
    return [];
  }
  const parsed = storedData.safeParse(parseJson(data));
  return parsed.success ? [{ ...place, name, updates: parsed.data.updates, attempts: Number(attempts ?? 0) }] : [];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
