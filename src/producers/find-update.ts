import { z } from 'zod';
import { jobKey } from '../bullmq/queue-keys.js';
import { parseStored, readStoredJob } from '../bullmq/stored-job.js';
import { digestOfJob } from '../jobs/job-data.js';
import { isRequeuedAt, outcomeAt, readReceipt, STATE_FIELDS, stateOf } from '../jobs/job-end.js';
import type { JobPlace, JobState } from '../jobs/job-end.js';
import { parseUpdateId, requeuedJobId } from '../jobs/job-id.js';
import type { Layout } from '../layout/layout.js';
import type { Partition } from '../layout/partitions.js';
import type { Store } from '../layout/store.js';
import type { Outcome } from '../operations/outcome.js';
import type { Registry } from '../operations/registry.js';
import { askRedis } from '../redis/ask-redis.js';

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

/** Where updates are looked for. */
export interface Search extends Pick<Store, 'redis' | 'keys' | 'layouts'> {
  readonly registry: Registry;
  /** For updates that were put into partitions of another number. */
  readonly readLayouts: () => Promise<readonly Layout[]>;
  readonly timeoutMs: number;
}

export interface FoundJob extends JobPlace {
  readonly name: string;
  readonly data: unknown;
  readonly updates: readonly unknown[];
  readonly digest: string;
  readonly attempts: number;
  /** Whether an attempt at it was ever begun. */
  readonly hasBegun: boolean;
  /** BullMQ's time. */
  readonly addedAtMs: number;
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
export async function findUpdate(search: Search, id: string): Promise<FoundUpdate | undefined> {
  const place = parseUpdateId(id);
  return place && (await askRedis(search.redis, search.timeoutMs, lookFor(search, id, place.jobId, place.index)));
}

/** The same, without a limit of time. */
export async function lookFor(
  search: Search,
  id: string,
  batchId: string,
  index: number,
): Promise<FoundUpdate | undefined> {
  const requeuedId = requeuedJobId(batchId, index);
  const jobs = await readJobs(search, [requeuedId, batchId]);
  const batch = jobs.find(({ jobId }) => jobId === batchId);
  const requeued = jobs.find(({ jobId }) => jobId === requeuedId);
  if (requeued !== undefined) {
    return describe(search, id, requeued, 0, requeued.state);
  }
  if (batch === undefined || batch.state === 'unknown') {
    return undefined;
  }
  const state = await stateAt(search, batch, { requeuedId, index });
  return describe(search, id, batch, index, state);
}

/** The job that carried it on may have been applied, and removed since: then its receipt tells. */
async function stateAt(
  search: Search,
  batch: FoundJob,
  { requeuedId, index }: { requeuedId: string; index: number },
): Promise<JobState> {
  const { state, queue, partition, digest, data } = batch;
  if (typeof state === 'string' || !('record' in state) || !isRequeuedAt(state, { index, digest })) {
    return state;
  }
  const slot = search.layouts.receipts.slotOfUpdate(data, index);
  const receipt = await readReceipt(search, { queue, partition, jobId: requeuedId, slot });
  const [outcome] = receipt?.outcomes ?? [];
  if (outcome === undefined) {
    return state;
  }
  const outcomes = [...state.record.outcomes];
  outcomes[index] = outcome;
  return { record: { digest, outcomes } };
}

function describe(
  { registry }: Search,
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
        ...endOf(outcomeAt(state, { operation, params, index, digest }), attempts),
      };
}

/** An attempt may have ended after they were read; what was cancelled needs none. */
function endOf(outcome: Outcome, attempts: number): Pick<FoundUpdate, 'attempts' | 'outcome'> {
  return { attempts: outcome.status === 'cancelled' ? attempts : Math.max(1, attempts), outcome };
}

/** The jobs of these ids, which tell the same partition. */
export async function readJobs(search: Search, jobIds: readonly [string, ...string[]]): Promise<FoundJob[]> {
  const { configured } = search.layouts;
  const found = await readJobsIn(search, configured.partitionOfJob(jobIds[0]), jobIds);
  if (found.length > 0) {
    return found;
  }
  const elsewhere = (await search.readLayouts())
    .filter((layout) => layout !== configured)
    .map((layout) => readJobsIn(search, layout.partitionOfJob(jobIds[0]), jobIds));
  return (await Promise.all(elsewhere)).flat();
}

async function readJobsIn(search: Search, partition: Partition, jobIds: readonly string[]): Promise<FoundJob[]> {
  const places = jobIds.flatMap((jobId) => search.registry.queues.map((queue) => ({ jobId, queue, partition })));
  return (await Promise.all(places.map((place) => readJob(search, place)))).flat();
}

/** No job where there is none, or where its data is not that of one. */
async function readJob(search: Search, place: JobPlace): Promise<FoundJob[]> {
  const { redis, layouts } = search;
  const { queue, partition, jobId } = place;
  const key = jobKey({ prefix: partition.prefix, queue }, jobId);
  const stored = await readStoredJob(redis, key, ['name', 'data', 'attemptsStarted', 'attemptsMade', ...STATE_FIELDS]);
  const { name, data: text, attemptsStarted, attemptsMade, addedAtMs } = stored;
  const data = parseStored(text);
  const parsed = storedData.safeParse(data);
  if (!name || !text || !parsed.success) {
    return [];
  }
  const receipt = await readReceipt(search, { ...place, slot: layouts.receipts.slotOfUpdate(data, 0) });
  return [
    {
      ...place,
      name,
      data,
      attempts: Number(attemptsMade ?? 0),
      hasBegun: Number(attemptsStarted ?? 0) > 0,
      addedAtMs: Number(addedAtMs ?? 0),
      updates: parsed.data.updates,
      digest: digestOfJob(text),
      state: stateOf(stored, receipt),
    },
  ];
}
