import type { JobFailure } from '../../jobs/form.js';
import { updateId } from '../../jobs/job-id.js';
import { updatesIn } from './failed-job.js';
import type { FailedJob } from './failed-job.js';
import { kindOf, possibleGroups } from './group-id.js';
import { newLook, readFailures } from './read-failures.js';
import type { FailureQuestion, FailureSource } from './read-failures.js';

/** Failed updates that have reason, operation and the shape of their key in common. */
export interface FailureGroup extends JobFailure {
  /** Names it in a filter, which then means these updates and no others. */
  readonly id: string;
  readonly operation: string;
  /** In which `*` stands for any text; undefined where the keys can't be told. */
  readonly keyPattern: string | undefined;
  /** Whether another program completed their jobs: nothing was applied then. */
  readonly isForeign: boolean;
  readonly updates: number;
  readonly jobs: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

export interface GroupedFailures {
  /** The largest first. */
  readonly groups: readonly FailureGroup[];
  readonly updates: number;
  readonly jobs: number;
  /** The latest of them, as many as were asked for. */
  readonly latest: readonly FailedJob[];
  /** Whether all were looked at; otherwise there may be more. */
  readonly isWhole: boolean;
  /** What is wrong with masters whose failures are not among them, in words. */
  readonly faults: readonly string[];
}

/** Looked at for one page: reading them takes a few seconds. */
const MOST_GROUPED = 100_000;

/** Groups the failures that are asked for, and finds the latest of them. @param latest how many of these */
export async function groupFailures(
  source: FailureSource,
  question: FailureQuestion,
  latest: number,
  most = MOST_GROUPED,
): Promise<GroupedFailures> {
  const look = newLook();
  const kinds = new Map<string, Kind>();
  let last: FailedJob[] = [];
  let [updates, jobs] = [0, 0];
  for await (const job of readFailures(source, question, look, most)) {
    jobs += 1;
    updates += updatesIn(job);
    last.push(job);
    if (last.length >= 2 * latest + 100) {
      last = latestOf(last, latest);
    }
    const kind = kinds.get(kindOf(job)) ?? new Kind();
    kinds.set(kindOf(job), kind);
    kind.add(job);
  }
  const groups = [...kinds.values()].flatMap((kind) => kind.groups());
  groups.sort((one, other) => other.updates - one.updates || other.lastAtMs - one.lastAtMs);
  return { groups, updates, jobs, latest: latestOf(last, latest), isWhole: look.isWhole, faults: [...look.faults] };
}

function latestOf(jobs: readonly FailedJob[], count: number): FailedJob[] {
  return [...jobs].sort((one, other) => other.endedAtMs - one.endedAtMs).slice(0, count);
}

/** What failed for one reason, of one operation. */
class Kind {
  /** By id, at each level at which they are still few enough; the narrowest first. */
  #levels: (Map<string, FailureGroup> | undefined)[] = [];

  add(job: FailedJob): void {
    this.#levels = possibleGroups(job).map(({ id, keyPattern, most }, level) => {
      const groups = this.#levels.length === 0 ? new Map<string, FailureGroup>() : this.#levels[level];
      groups?.set(id, extended(groups.get(id), { ...groupOf(job), id, keyPattern }));
      return groups !== undefined && groups.size <= most ? groups : undefined;
    });
  }

  groups(): FailureGroup[] {
    const groups = this.#levels.find((level) => level !== undefined);
    return [...(groups?.values() ?? [])];
  }
}

function groupOf(job: FailedJob): Omit<FailureGroup, 'id' | 'keyPattern'> {
  const { status, reason, message, operation, state, endedAtMs } = job;
  return {
    status,
    reason,
    message,
    operation,
    isForeign: state === 'completed',
    updates: updatesIn(job),
    jobs: 1,
    firstAtMs: endedAtMs,
    lastAtMs: endedAtMs,
  };
}

function extended(group: FailureGroup | undefined, one: FailureGroup): FailureGroup {
  return group === undefined
    ? one
    : {
        ...group,
        message: one.lastAtMs > group.lastAtMs ? one.message : group.message,
        updates: group.updates + one.updates,
        jobs: group.jobs + one.jobs,
        firstAtMs: Math.min(group.firstAtMs, one.firstAtMs),
        lastAtMs: Math.max(group.lastAtMs, one.lastAtMs),
      };
}

/** The id of an update that a failed job carries, by its place. */
export function failedUpdateId({ jobId }: Pick<FailedJob, 'jobId'>, index = 0): string {
  return updateId(jobId, index);
}
