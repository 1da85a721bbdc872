import { findForeign } from '../../bullmq/scripts.js';
import { endedJobs } from '../../bullmq/job-ids.js';
import { distinctPartitions } from '../../layout/layouts.js';
import type { Store } from '../../layout/store.js';
import type { Registry } from '../../operations/registry.js';
import { readFailedJob } from './failed-job.js';
import type { EndedJobId, FailedJob, FailurePlace } from './failed-job.js';
import { matchesFilter } from './failure-filter.js';
import type { FailureFilter } from './failure-filter.js';

/** Where failures are looked for. */
export interface FailureSource extends Pick<Store, 'redis' | 'layouts' | 'masters' | 'logger'> {
  readonly registry: Registry;
}

/** Which failures are asked for. */
export interface FailureQuestion {
  readonly filter: FailureFilter;
  /** The queue that is asked. @defaultValue all */
  readonly place?: FailurePlace | undefined;
  /** Those that ended later are left out, in ms. @defaultValue none */
  readonly untilMs?: number | undefined;
  /** Whether whoever asks may know of a job. @defaultValue of all */
  readonly isVisible?: ((job: FailedJob) => boolean) | undefined;
}

/** How far a look went. */
export interface Look {
  /** Whether all were looked at that there were. */
  isWhole: boolean;
  /** What is wrong with masters whose failures were not looked at, in words. */
  readonly faults: Set<string>;
  /** When the last of those ended that were looked at, in ms. */
  latestMs: number;
}

export function newLook(): Look {
  return { isWhole: true, faults: new Set(), latestMs: 0 };
}

const READ_AT_ONCE = 500;

/** Of those that Tally did not complete so many completed jobs of each queue are looked through, the latest first. */
const FOREIGN_LOOKED = 200_000;

/**
 * Reads all failed jobs that are asked for, and those that another program completed, queue by queue and the latest of each first.
 *
 * @param look is told how far this went
 * @param most jobs to look at. @defaultValue all
 */
export async function* readFailures(
  source: FailureSource,
  { filter, place: asked, untilMs = Infinity, isVisible = () => true }: FailureQuestion,
  look: Look,
  most = Infinity,
): AsyncGenerator<FailedJob> {
  let left = most;
  for (const place of asked === undefined ? await placesOf(source, look) : [asked]) {
    const all = await idsIn(source, place, look);
    const ids = all.filter(({ endedAtMs }) => endedAtMs <= untilMs);
    look.isWhole &&= ids.length <= left;
    for (let start = 0; start < Math.min(ids.length, left); start += READ_AT_ONCE) {
      const page = ids.slice(start, Math.min(start + READ_AT_ONCE, left));
      const jobs = await Promise.all(page.map((id) => readFailedJob(source, source.registry, place, id)));
      for (const job of jobs) {
        if (job !== undefined && matchesFilter(filter, job) && isVisible(job)) {
          look.latestMs = Math.max(look.latestMs, job.endedAtMs);
          yield job;
        }
      }
    }
    left = Math.max(0, left - ids.length);
  }
}

/** The queues whose masters answer. */
async function placesOf({ layouts, masters, registry }: FailureSource, look: Look): Promise<FailurePlace[]> {
  const partitions = distinctPartitions(await layouts.known());
  const faults = await Promise.all(partitions.map(({ slot }) => masters.faultOf(slot)));
  for (const fault of faults) {
    if (fault !== undefined) {
      look.isWhole = false;
      look.faults.add(fault);
    }
  }
  const answering = partitions.filter((_, index) => faults[index] === undefined);
  return answering.flatMap((partition) => registry.queues.map((queue) => ({ queue, partition })));
}

async function idsIn({ redis }: FailureSource, { queue, partition }: FailurePlace, look: Look): Promise<EndedJobId[]> {
  const place = { prefix: partition.prefix, queue };
  const [failed, foreign] = await Promise.all([
    endedJobs(redis, place, 'failed'),
    findForeign(redis, place, FOREIGN_LOOKED),
  ]);
  look.isWhole &&= foreign.isWhole;
  const stated = (state: EndedJobId['state']) => (job: Omit<EndedJobId, 'state'>) => ({ ...job, state });
  return [...failed.map(stated('failed')), ...foreign.jobs.map(stated('completed'))];
}
