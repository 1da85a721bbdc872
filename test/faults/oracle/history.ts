import { stringify } from 'safe-stable-stringify';
import { isPutBack, putBackJobId } from '../../../src/jobs/job-id.js';
import { isFailure, splitOutcomes } from '../../../src/operations/outcome.js';
import { isBad } from '../cells.js';
import { cellsOf, changesOf } from './changes.js';
import type { Change } from './changes.js';
import type { Evidence, JobRecord } from './evidence.js';

/** One update in one job, and what that job says became of it. */
export interface JobUpdate {
  readonly job: JobRecord;
  readonly index: number;
  readonly idempotencyKey: string | undefined;
  /** The same for two updates only if they ask for the same under the same key. */
  readonly content: string;
  /** The number of the update, if it has witnesses. */
  readonly witnessedId: string | undefined;
  readonly touchesBadCell: boolean;
  /** In the script's form; undefined when the job does not say. */
  readonly outcome: string | undefined;
  /** What it did, when it was applied by this job. */
  readonly changes: readonly Change[];
}

/** The end of an update: its outcome in the script's form, or why its job failed. */
export type End = { readonly job: JobRecord } & ({ readonly outcome: string } | { readonly failedReason: string });

/** What the jobs in Redis say of all updates. */
export class History {
  readonly updates: readonly JobUpdate[];
  readonly #jobs: ReadonlyMap<string, JobRecord>;

  constructor({ jobs }: Pick<Evidence, 'jobs'>) {
    this.#jobs = new Map(jobs.map((job) => [job.id, job]));
    this.updates = jobs.flatMap(updatesOf);
  }

  find(jobId: string, index: number): JobUpdate | undefined {
    return this.updatesByPlace.get(`${jobId}/${index}`);
  }

  /** How the update at this place ended, in the job itself or in the one that it put back. */
  endOf(jobId: string, index: number): End | undefined {
    const job = this.#jobs.get(jobId);
    if (job === undefined) {
      return undefined;
    }
    const outcome = outcomesOf(job)?.[index];
    if (outcome !== undefined && isFailure(outcome) && job.updates.length > 1) {
      return this.endOf(putBackJobId(jobId, index), 0);
    }
    if (outcome !== undefined) {
      return { job, outcome };
    }
    return job.failedReason === undefined ? undefined : { job, failedReason: job.failedReason };
  }

  /** The updates that were applied or rejected in their own right, not answered from an earlier one. */
  get decided(): readonly JobUpdate[] {
    return this.updates.filter(({ outcome }) => outcome !== undefined && /^[^?=~]/.test(outcome));
  }

  get applied(): readonly JobUpdate[] {
    return this.updates.filter(({ changes }) => changes.length > 0);
  }

  /** The jobs that producers made, without those that batches put back. */
  get submitted(): readonly JobUpdate[] {
    return this.updates.filter(({ job }) => !isPutBack(job.id));
  }

  private get updatesByPlace(): ReadonlyMap<string, JobUpdate> {
    this.#byPlace ??= new Map(this.updates.map((update) => [`${update.job.id}/${update.index}`, update]));
    return this.#byPlace;
  }

  #byPlace: ReadonlyMap<string, JobUpdate> | undefined;
}

function updatesOf(job: JobRecord): JobUpdate[] {
  const outcomes = outcomesOf(job);
  return job.updates.map(({ params, idempotencyKey }, index) => {
    const outcome = outcomes?.[index];
    const content = contentOf(job.operation, params, idempotencyKey);
    return {
      job,
      index,
      idempotencyKey,
      content,
      witnessedId: witnessedIn(content),
      touchesBadCell: cellsOf(job.operation, params).some(isBad),
      outcome,
      changes: outcome !== undefined && /^[^!?=~]/.test(outcome) ? changesOf(job.operation, params, outcome) : [],
    };
  });
}

/** The three places where outcomes are kept agree, or the check of that says so. */
function outcomesOf({ returnvalue, mark, receipt }: JobRecord): string[] | undefined {
  const outcomes = returnvalue ?? mark ?? receipt;
  return outcomes === undefined ? undefined : splitOutcomes(outcomes);
}

export function contentOf(operation: string, params: object, idempotencyKey: string | undefined): string {
  return `${operation} ${stringify(params)}${idempotencyKey === undefined ? '' : ` key ${idempotencyKey}`}`;
}

/** The number of the update whose witnesses the text names. */
export function witnessedIn(content: string): string | undefined {
  return /"witness:([^"]+)"/.exec(content)?.[1];
}
