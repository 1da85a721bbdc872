import { stringify } from 'safe-stable-stringify';
import { decodeFailure, decodeRecord, isFailure } from '../../../src/jobs/form.js';
import { isRequeued, requeuedJobId } from '../../../src/jobs/job-id.js';
import { REVERT_OWNER } from '../../../src/operations/idempotency-key.js';
import { isUndone } from '../../../src/operations/outcome.js';
import { inventoryExpire } from '../../../src/operations/reservations.js';
import { isBad, isFlaky } from '../cells.js';
import { cellsOf, changesOf } from './changes.js';
import type { Change } from './changes.js';
import { keyName } from './evidence.js';
import { tickAt } from './ticks.js';
import type { Evidence } from './evidence.js';
import type { JobRecord } from './job-record.js';

/** One update in one job, and what that job says became of it. */
export interface JobUpdate {
  readonly job: JobRecord;
  readonly index: number;
  readonly idempotencyKey: string | undefined;
  /** The key with its operation, see `keyName`. */
  readonly keyName: string | undefined;
  /** The same for two updates only if they ask for the same under the same key. */
  readonly content: string;
  /** The number of the update, if it has witnesses. */
  readonly witnessedId: string | undefined;
  /** Whether it touches a cell that no update can change. */
  readonly touchesBadCell: boolean;
  /** Whether it touches one that can't be changed now and then. */
  readonly touchesFlakyCell: boolean;
  /** In the script's form; undefined when the job does not say. */
  readonly outcome: string | undefined;
  /** What it did, when it was applied by this job. */
  readonly changes: readonly Change[];
}

/** The end of an update: its outcome in the script's form, or why there is none. */
export type End = { readonly job: JobRecord } & (
  { readonly outcome: string } | { readonly failure: ReturnType<typeof decodeFailure> }
);

/** What the jobs in Redis say of all updates. */
export class History {
  readonly updates: readonly JobUpdate[];
  readonly #jobs: ReadonlyMap<string, JobRecord>;

  constructor({ jobs }: Pick<Evidence, 'jobs'>) {
    this.#jobs = new Map(jobs.map((job) => [job.name, job]));
    this.updates = jobs.flatMap(updatesOf);
  }

  find(name: string, index: number): JobUpdate | undefined {
    return this.updatesByPlace.get(`${name}/${index}`);
  }

  /** How the update at this place ended, in the job itself or in the one that it put back. */
  endOf(name: string, index: number): End | undefined {
    const job = this.#jobs.get(name);
    if (job === undefined) {
      return undefined;
    }
    const outcome = outcomesOf(job)?.[index];
    if (outcome !== undefined && isUndone(outcome) && job.updates.length > 1) {
      const putBack = this.endOf(requeuedJobId(job.id, index, job.addedAtMs), 0);
      return putBack ?? (wasEndedByOthers(job) ? { job, outcome } : undefined);
    }
    if (outcome !== undefined) {
      return { job, outcome };
    }
    const failedReason =
      job.failedReason ?? (job.foreignValue === undefined ? undefined : `it returned ${job.foreignValue}`);
    return failedReason === undefined ? undefined : { job, failure: decodeFailure(failedReason) };
  }

  /** The updates that were applied or rejected in their own right, not answered from an earlier one. */
  get decided(): readonly JobUpdate[] {
    return this.updates.filter(({ outcome }) => outcome !== undefined && isDecision(outcome));
  }

  get applied(): readonly JobUpdate[] {
    return this.updates.filter(({ changes }) => changes.length > 0);
  }

  /**
   * The jobs that producers made, without those that batches put back, those for what is over, which workers make, too, reverts, and
   * runs of schedules.
   */
  get submitted(): readonly JobUpdate[] {
    return this.updates.filter(
      (update) =>
        !isRequeued(update.job.id) &&
        update.job.operation !== inventoryExpire.name &&
        revertedBy(update) === undefined &&
        tickAt(update.job.id) === undefined,
    );
  }

  /** The update at this place, where it was carried last. */
  carried(name: string, index: number): JobUpdate | undefined {
    const end = this.endOf(name, index);
    return end === undefined ? undefined : this.find(end.job.name, end.job.name === name ? index : 0);
  }

  private get updatesByPlace(): ReadonlyMap<string, JobUpdate> {
    this.#byPlace ??= new Map(this.updates.map((update) => [`${update.job.name}/${update.index}`, update]));
    return this.#byPlace;
  }

  #byPlace: ReadonlyMap<string, JobUpdate> | undefined;
}

/** Then nobody may have put back yet what its receipt says was not applied; a retry would. */
function wasEndedByOthers({ foreignValue, failedReason }: JobRecord): boolean {
  return foreignValue !== undefined || (failedReason !== undefined && !isFailure(failedReason));
}

/** The id of the update that this one reverts, if it does. */
export function revertedBy({ idempotencyKey = '' }: Pick<JobUpdate, 'idempotencyKey'>): string | undefined {
  const [, id] = new RegExp(`^${REVERT_OWNER} ([0-9a-f-]+\\.\\d+)`).exec(idempotencyKey) ?? [];
  return id;
}

/** Whether this outcome, in the script's form, decides on a key: it is applied, rejected or cancelled, not failed, unknown or a repeat. */
export function isDecision(outcome: string): boolean {
  return /^[^?*=~]/.test(outcome);
}

function updatesOf(job: JobRecord): JobUpdate[] {
  const outcomes = outcomesOf(job);
  return job.updates.map(({ params, idempotencyKey }, index) => {
    const outcome = outcomes?.[index];
    const content = contentOf(job.operation, params, idempotencyKey);
    const cells = cellsOf(job.operation, params);
    const isApplied = outcome !== undefined && /^[^!?*=~#]/.test(outcome);
    return {
      job,
      index,
      idempotencyKey,
      keyName: idempotencyKey === undefined ? undefined : keyName(job.operation, idempotencyKey),
      content,
      witnessedId: witnessedIn(content),
      touchesBadCell: cells.some(isBad),
      touchesFlakyCell: cells.some(isFlaky),
      outcome,
      changes: isApplied ? changesOf(job.operation, params, outcome) : [],
    };
  });
}

/** The three places where outcomes are kept agree, or the check of that says so. */
function outcomesOf({ returnvalue, mark, receipt }: JobRecord): readonly string[] | undefined {
  return decodeRecord(returnvalue ?? mark ?? receipt)?.outcomes;
}

export function contentOf(operation: string, params: object, idempotencyKey: string | undefined): string {
  return `${operation} ${stringify(params)}${idempotencyKey === undefined ? '' : ` key ${idempotencyKey}`}`;
}

/** The number of the update whose witnesses the text names. */
export function witnessedIn(content: string): string | undefined {
  return /"(?:\{[^}]*\})?witness:([^"]+)"/.exec(content)?.[1];
}
