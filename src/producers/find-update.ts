import { z } from 'zod';
import { digestOfJob, slotOfUpdate } from '../jobs/job-data.js';
import { isRequeuedAt, outcomeAt, parseJson, readReceipt, STATE_FIELDS, stateOf } from '../jobs/job-end.js';
import type { JobPlace, JobState } from '../jobs/job-end.js';
import { parseUpdateId, requeuedJobId } from '../jobs/job-id.js';
import type { Partition, Partitions } from '../jobs/partitions.js';
import type { UsedPartitions } from '../jobs/used-partitions.js';
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
  /** The job that carries it now: when it was not applied within a batch, the job that the batch put back. */
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

interface FoundJob extends JobPlace {
  readonly name: string;
  readonly data: unknown;
  readonly updates: readonly unknown[];
  readonly digest: string;
  readonly attempts: number;
  readonly state: JobState;
}

/** Of the data of a job, which someone may have edited. */
const storedData = z.object({ updates: z.array(z.unknown()) });

/**
 * Looks an update up by its id: in one round trip, since an id does not tell the queue; in two more when it was put into
 * partitions of another number.
 *
 * @returns undefined when there is no such update, or its job was removed or can't be read any more
 * @throws QueueUnavailableError when Redis does not answer in time
 */
export async function findUpdate(deps: Deps, id: string): Promise<FoundUpdate | undefined> {
  const place = parseUpdateId(id);
  return place && (await askRedis(deps.redis, deps.timeoutMs, find(deps, id, place.jobId, place.index)));
}

async function find(deps: Deps, id: string, batchId: string, index: number): Promise<FoundUpdate | undefined> {
  const requeuedId = requeuedJobId(batchId, index);
  const jobs = await readJobs(deps, [requeuedId, batchId]);
  const batch = jobs.find(({ jobId }) => jobId === batchId);
  const requeued = jobs.find(({ jobId }) => jobId === requeuedId);
  if (requeued !== undefined) {
    return describe(deps, id, requeued, 0, requeued.state);
  }
  if (batch === undefined || batch.state === 'unknown') {
    return undefined;
  }
  const state = await stateAt(deps, batch, { requeuedId, index });
  return describe(deps, id, batch, index, state);
}

/** The job that carried it on may have been applied, and removed since: then its receipt tells. */
async function stateAt(
  { redis, keys }: Deps,
  batch: FoundJob,
  { requeuedId, index }: { requeuedId: string; index: number },
): Promise<JobState> {
  const { state, queue, partition, digest, data } = batch;
  if (typeof state === 'string' || !('record' in state) || !isRequeuedAt(state, { index, digest })) {
    return state;
  }
  const slot = slotOfUpdate(data, index);
  const receipt = await readReceipt(redis, keys, { queue, partition, jobId: requeuedId, slot });
  const [outcome] = receipt?.outcomes ?? [];
  if (outcome === undefined) {
    return state;
  }
  const outcomes = [...state.record.outcomes];
  outcomes[index] = outcome;
  return { record: { digest, outcomes } };
}

function describe(
  { registry }: Deps,
  id: string,
  job: FoundJob,
  index: number,
  state: JobState,
): FoundUpdate | undefined {
  const operation = registry.find(job.name);
  if (operation === undefined || index >= job.updates.length || state === 'unknown') {
    return undefined;
  }
  const { jobId, attempts, digest } = job;
  const params = job.updates[index];
  const found = { id, operation: operation.name, params, jobId, attempts };
  return state === 'unfinished'
    ? found
    : {
        ...found,
        attempts: Math.max(1, attempts), // it may have ended after they were read
        outcome: outcomeAt(state, { operation, params, index, digest }),
      };
}

/** The jobs of these ids, which tell the same partition. */
async function readJobs(deps: Deps, jobIds: readonly [string, ...string[]]): Promise<FoundJob[]> {
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

async function readJobsIn(deps: Deps, partition: Partition, jobIds: readonly string[]): Promise<FoundJob[]> {
  const places = jobIds.flatMap((jobId) => deps.registry.queues.map((queue) => ({ jobId, queue, partition })));
  return (await Promise.all(places.map((place) => readJob(deps, place)))).flat();
}

/** No job where there is none, or where its data is not that of one. */
async function readJob({ redis, keys }: Deps, place: JobPlace): Promise<FoundJob[]> {
  const { queue, partition, jobId } = place;
  const fields = ['name', 'data', 'atm', ...STATE_FIELDS];
  const [name, text, attempts, ...stateFields] = await redis.hmget(keys.job(queue, jobId, partition.prefix), ...fields);
  const data = parseJson(text);
  const parsed = storedData.safeParse(data);
  if (!name || !text || !parsed.success) {
    return [];
  }
  const receipt = await readReceipt(redis, keys, { ...place, slot: slotOfUpdate(data, 0) });
  return [
    {
      ...{ ...place, name, data, attempts: Number(attempts ?? 0) },
      updates: parsed.data.updates,
      digest: digestOfJob(text),
      state: stateOf(stateFields, receipt),
    },
  ];
}
