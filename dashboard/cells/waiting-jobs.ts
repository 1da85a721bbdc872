import type { Job } from 'bullmq';
import type { JobData } from '../../src/jobs/job-data.js';
import type { JobResult, TallyQueue } from '../../src/jobs/queues.js';
import type { Cell } from '../../src/redis/cell.js';
import { cellId } from '../../src/redis/cell.js';
import type { Registry } from '../../src/operations/registry.js';
import { failureWords } from '../board/words.js';
import type { ShownQueue } from '../board/shown-queues.js';

/** States of jobs that may still change a cell: those that failed when someone retries them. */
const STATES = ['active', 'wait', 'prioritized', 'delayed', 'failed'] as const;

export type WaitingState = (typeof STATES)[number];

/** Looked at of each queue and state: those that run next, and those that failed last. */
const JOBS_OF_EACH = 100;

/** A page is no reason to keep the dashboard busy for longer than a moment. */
const MAX_UPDATES = 50_000;

/** A job that waits or failed, with those of its updates that were looked for. */
export interface WaitingJob {
  /** The board's name of its queue. */
  readonly boardName: string;
  readonly jobId: string;
  readonly operation: string;
  readonly state: WaitingState;
  /** Indexes of the updates that were looked for. */
  readonly updates: readonly number[];
  readonly failedReason?: string;
}

export interface WaitingJobs {
  readonly found: readonly WaitingJob[];
  readonly looked: number;
  /** How many there were to look at. */
  readonly total: number;
  /** Queues that were not looked at, and what is wrong with their masters, in words: there may be more. */
  readonly unreachable: { readonly queues: number; readonly faults: ReadonlySet<string> };
}

/** Whether an update is one that is looked for. */
type IsWanted = (update: {
  params: unknown;
  idempotencyKey: string | undefined;
  idempotencyOwner: string;
  operation: string;
}) => boolean;

type StoredJob = Job<JobData, JobResult>;

/** Looks for updates among the jobs that wait or failed, up to a bounded number of them. */
export async function findWaiting(shown: readonly ShownQueue[], isWanted: IsWanted): Promise<WaitingJobs> {
  const found: WaitingJob[] = [];
  const faults = shown.flatMap(({ fault }) => fault ?? []);
  const { queues, total } = await withJobs(shown.filter(({ fault }) => fault === undefined));
  let [looked, updatesLooked] = [0, 0];
  for (const state of STATES) {
    for (const { queue, boardName } of queues) {
      const jobs = updatesLooked < MAX_UPDATES ? await readJobs(queue, state) : [];
      for (const job of jobs) {
        const updates = wantedOf(job, isWanted);
        looked += 1;
        updatesLooked += updates.length;
        const indexes = updates.flatMap((wanted, index) => (wanted ? [index] : []));
        if (indexes.length > 0) {
          found.push(describe(job, boardName, state, indexes));
        }
      }
    }
  }
  const unreachable = { queues: faults.length, faults: new Set(faults) };
  return { found, looked, total: Math.max(total, looked), unreachable };
}

/** Those that have such jobs, each once: a partition may be one of several numbers. Most of many partitions are empty. */
async function withJobs(shown: readonly ShownQueue[]): Promise<{ queues: ShownQueue[]; total: number }> {
  const distinct = [...new Map(shown.map((each) => [each.queue.qualifiedName, each])).values()];
  const counts = await Promise.all(distinct.map(({ queue }) => queue.getJobCountByTypes(...STATES)));
  return {
    queues: distinct.filter((_, index) => counts[index] !== 0),
    total: counts.reduce((sum, count) => sum + count, 0),
  };
}

/** Whether an update touches a cell. */
export function touches(cell: Cell, registry: Registry): IsWanted {
  const id = cellId(cell);
  return ({ operation, params }) => {
    const steps = registry.find(operation)?.steps(params) ?? [];
    return steps.some(({ cells }) => cells.some((touched) => cellId(touched) === id));
  };
}

async function readJobs(queue: TallyQueue, state: WaitingState): Promise<StoredJob[]> {
  const runsNextFirst = state !== 'failed';
  const jobs = (await queue.getJobs([state], 0, JOBS_OF_EACH - 1, runsNextFirst)) as (StoredJob | undefined)[];
  return jobs.flatMap((job) => job ?? []); // one may have gone meanwhile
}

/** For each update of a job whether it is wanted. What can't be read, because someone edited the job, is not. */
function wantedOf({ name, data }: StoredJob, isWanted: IsWanted): boolean[] {
  const { updates, idempotencyKeys = {} } = data as Partial<JobData>;
  return (Array.isArray(updates) ? (updates as unknown[]) : []).map((params, index) => {
    try {
      const key = idempotencyKeys[index];
      const [idempotencyOwner, idempotencyKey] = typeof key === 'object' ? key : ['', key];
      return isWanted({ operation: name, params, idempotencyKey, idempotencyOwner });
    } catch {
      return false;
    }
  });
}

function describe(job: StoredJob, boardName: string, state: WaitingState, updates: readonly number[]): WaitingJob {
  const { id: jobId = '', name: operation, failedReason } = job;
  const words = state === 'failed' && failedReason ? failureWords(failedReason, true) : undefined;
  return { boardName, jobId, operation, state, updates, ...(words !== undefined && { failedReason: words }) };
}
