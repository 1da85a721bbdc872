import type { JobFailure } from '../../jobs/form.js';
import { updateId } from '../../jobs/job-id.js';
import { updatesIn } from './failed-job.js';
import type { FailedJob } from './failed-job.js';
import { patternsOf } from './key-pattern.js';
import { newLook, readFailures } from './read-failures.js';
import type { FailureQuestion, FailureSource } from './read-failures.js';

/** Failed updates that have reason, operation and the shape of their key in common. */
export interface FailureGroup extends JobFailure {
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

/** Kept of each combination of reason and operation, to find the patterns of its keys. */
const MOST_KEYS = 5_000;

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
    const id = `${job.state} ${job.status} ${job.reason} ${job.operation}`;
    const kind = kinds.get(id) ?? new Kind(job);
    kinds.set(id, kind);
    kind.add(job);
  }
  const groups = [...kinds.values()].flatMap((kind) => kind.groups());
  groups.sort((one, other) => other.updates - one.updates || other.lastAtMs - one.lastAtMs);
  return { groups, updates, jobs, latest: latestOf(last, latest), isWhole: look.isWhole, faults: [...look.faults] };
}

function latestOf(jobs: readonly FailedJob[], count: number): FailedJob[] {
  return [...jobs].sort((one, other) => other.endedAtMs - one.endedAtMs).slice(0, count);
}

type Sum = Pick<FailureGroup, 'updates' | 'jobs' | 'firstAtMs' | 'lastAtMs' | 'message'>;

/** What failed for one reason, of one operation. */
class Kind {
  /** By key. */
  readonly #sums = new Map<string | undefined, Sum>();

  constructor(private readonly first: FailedJob) {}

  add(job: FailedJob): void {
    const [first] = job.keys;
    const key = this.#sums.has(first) || this.#sums.size < MOST_KEYS ? first : '*';
    this.#sums.set(key, add(this.#sums.get(key), { ...job, ...ofOne(job) }));
  }

  groups(): FailureGroup[] {
    const { status, reason, operation, state } = this.first;
    const patternOf = patternsOf([...this.#sums.keys()].flatMap((key) => key ?? []));
    const byPattern = new Map<string | undefined, Sum>();
    for (const [key, sum] of this.#sums) {
      const pattern = key === undefined ? undefined : patternOf(key);
      byPattern.set(pattern, add(byPattern.get(pattern), sum));
    }
    return [...byPattern].map(([keyPattern, sum]) => {
      return { status, reason, operation, keyPattern, isForeign: state === 'completed', ...sum };
    });
  }
}

function ofOne(job: FailedJob): Omit<Sum, 'message'> {
  return { updates: updatesIn(job), jobs: 1, firstAtMs: job.endedAtMs, lastAtMs: job.endedAtMs };
}

function add(sum: Sum | undefined, { updates, jobs, firstAtMs, lastAtMs, message }: Sum): Sum {
  return {
    updates: updates + (sum?.updates ?? 0),
    jobs: jobs + (sum?.jobs ?? 0),
    firstAtMs: Math.min(firstAtMs, sum?.firstAtMs ?? Infinity),
    lastAtMs: Math.max(lastAtMs, sum?.lastAtMs ?? 0),
    message: sum === undefined || lastAtMs > sum.lastAtMs ? message : sum.message,
  };
}

/** The id of an update that a failed job carries, by its place. */
export function failedUpdateId({ jobId }: Pick<FailedJob, 'jobId'>, index = 0): string {
  return updateId(jobId, index);
}
