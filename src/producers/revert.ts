import { TallyError, ValidationError } from '../errors.js';
import { decodeKeyReceipt } from '../jobs/key-receipt.js';
import { parseJobData } from '../jobs/job-data.js';
import type { JobData } from '../jobs/job-data.js';
import { noUpdate, parseUpdateId, updateId } from '../jobs/job-id.js';
import { inverseOf } from '../operations/inverse.js';
import type { Inverse, Step } from '../operations/operation.js';
import { TRANSACTION } from '../operations/transaction.js';
import { REVERT_OWNER } from '../operations/idempotency-key.js';
import { checkUpdate } from '../operations/update.js';
import type { CheckContext, CheckedUpdate } from '../operations/update.js';
import { CLOCK_STEP_MS } from '../redis/announced.js';
import { askRedis } from '../redis/ask-redis.js';
import { lookFor, readJobs } from './find-update.js';
import type { FoundJob, FoundUpdate, Search } from './find-update.js';
import { wasForgotten } from './forgotten-outcome.js';
import { NotRevertibleError } from './not-revertible.js';
import type { KeyTerms } from './sender.js';
import type { SubmitOptions } from './shortcuts.js';
import type { Submission } from './submission.js';

const DAY_MS = 24 * 3600 * 1000;

/** How long after it was sent an update can be reverted, by Redis' clock, if its outcome is kept for so long. */
export const REVERTIBLE_MS = 7 * DAY_MS;

/**
 * How long a revert is remembered, whatever the producer's window is. A revert is applied after its update was sent; so as long as
 * that update can be reverted, each earlier revert of it is still known. The day between the two is for clocks that differ. See
 * docs/decisions/22-undo.md.
 */
const REMEMBERED_MS = REVERTIBLE_MS + DAY_MS;

export interface RevertDeps extends Search {
  readonly context: CheckContext;
  /** Sends an update as a job of its own. */
  readonly send: (update: CheckedUpdate, trace: SubmitOptions['trace'], terms: KeyTerms) => Promise<Submission>;
}

export type RevertOptions = Pick<SubmitOptions, 'trace' | 'authorize'>;

/** An applied update. */
interface Original {
  readonly id: string;
  readonly found: FoundUpdate;
  /** Undefined when its job does not say. */
  readonly sentAtMs: number | undefined;
}

/** Takes applied updates back by their inverses, each once. */
export class Reverting {
  constructor(private readonly deps: RevertDeps) {}

  async revert(id: string, { trace, authorize }: RevertOptions = {}): Promise<Submission> {
    const { redis, timeoutMs, context, registry } = this.deps;
    const original = await askRedis(redis, timeoutMs, this.#find(id));
    const { operation: name, params, outcome } = original.found;
    const operation = registry.find(name);
    if (operation === undefined || outcome?.status !== 'applied') {
      throw notApplied(outcome); // `#find` has seen to it
    }
    const inverse = inverseOf(operation, params, outcome.result, (of) => registry.find(of));
    if ('why' in inverse) {
      throw new NotRevertibleError(inverse.why);
    }
    const update = checkInverse(inverse, original.id, context);
    authorize?.([update]);
    const checkTime = (nowMs: number) => {
      refuseLate(original, operation.steps(params), nowMs);
    };
    return this.deps.send(update, trace, { windowMs: REMEMBERED_MS, checkTime });
  }

  /**
   * The update of an id, or of a duplicate the one that was applied.
   *
   * @throws NotRevertibleError when it was not applied
   */
  async #find(id: string): Promise<Original> {
    const place = parseUpdateId(id);
    const found = place && (await lookFor(this.deps, id, place.jobId, place.index));
    const job = found && (await readJobs(this.deps, [found.jobId])).find(({ jobId }) => jobId === found.jobId);
    if (place === undefined || found === undefined || job === undefined) {
      throw found !== undefined || (await wasForgotten(this.deps, id))
        ? new NotRevertibleError('what became of it is kept no more')
        : new TallyError('UPDATE_NOT_FOUND', noUpdate(id));
    }
    if (found.outcome?.status !== 'applied') {
      throw notApplied(found.outcome);
    }
    // An id may be written in several ways, as 7 and 07: a revert has the one that Tally gave.
    const own = updateId(place.jobId, place.index);
    const { sentAtMs, windowMs } = stampOf(job);
    const first = found.outcome.duplicate ? await this.#firstOf(job, job.jobId === own ? 0 : place.index) : own;
    if (first === own) {
      return { id: own, found, sentAtMs };
    }
    const original = await this.#find(first);
    // It was applied within the window of its duplicate; one that was sent later has the key anew.
    if (!(Number(original.sentAtMs) <= Number(sentAtMs) + Number(windowMs))) {
      throw new NotRevertibleError('it is a duplicate, and its idempotency key was used anew since');
    }
    return original;
  }

  /** The id of the update that was the first with the idempotency key of this one. */
  async #firstOf(job: FoundJob, index: number): Promise<string> {
    const { redis, keys, layouts, registry } = this.deps;
    const context = {
      registry,
      isReservedKey: keys.isReserved,
      slotOf: layouts.receipts.slotOf.bind(layouts.receipts),
    };
    const { idempotencyKey: key = '', idempotencyOwner: owner = '' } =
      parseJobData(job.name, job.data, context).updates[index] ?? {};
    const slot = layouts.receipts.slotOfUpdate(job.data, index);
    const receipt =
      slot === undefined ? null : await redis.get(keys.idempotencyReceipt({ owner, operation: job.name, key }, slot));
    const first = decodeKeyReceipt(receipt)?.updateId;
    if (first === undefined) {
      throw new NotRevertibleError('it is a duplicate, and its idempotency key is forgotten: revert the first update');
    }
    return first;
  }
}

/** Someone may have edited it. */
function stampOf({ data }: FoundJob): Partial<Pick<JobData, 'sentAtMs' | 'windowMs'>> {
  const { sentAtMs, windowMs } = data as Partial<JobData>;
  return {
    ...(typeof sentAtMs === 'number' && { sentAtMs }),
    ...(typeof windowMs === 'number' && { windowMs }),
  };
}

function notApplied(outcome: FoundUpdate['outcome']): NotRevertibleError {
  return outcome === undefined || outcome.status === 'applied'
    ? new NotRevertibleError('it was not applied so far: it may be cancelled')
    : new NotRevertibleError(
        `it is ${outcome.status} (${outcome.reason}), and has changed nothing that is known`,
        outcome,
      );
}

/** Its key is the id of what is reverted. */
function checkInverse(inverse: readonly Inverse[], id: string, context: CheckContext): CheckedUpdate {
  const [first, second] = inverse;
  const update = second === undefined ? first : { operation: TRANSACTION, params: { updates: inverse } };
  // Without a time: an inverse says itself in which bucket it counts, as the update of a job does.
  const { sentAt: _, ...untimed } = context;
  try {
    return checkUpdate({ ...update, idempotencyKey: id }, { ...untimed, idempotencyOwner: REVERT_OWNER });
  } catch (error) {
    throw error instanceof ValidationError
      ? new NotRevertibleError(`its inverse is not valid: ${error.message}`)
      : error;
  }
}

/** @throws NotRevertibleError when an earlier revert may be forgotten, or what it changed is gone */
function refuseLate({ sentAtMs }: Original, steps: readonly Step[], nowMs: number): void {
  if (sentAtMs === undefined || sentAtMs > nowMs + CLOCK_STEP_MS) {
    throw new NotRevertibleError('its job does not say when it was sent, so that an earlier revert may be forgotten');
  }
  const ageMs = nowMs - sentAtMs;
  if (ageMs > REVERTIBLE_MS) {
    throw new NotRevertibleError(
      `it was sent more than ${REVERTIBLE_MS / DAY_MS} days ago: an earlier revert may be forgotten`,
    );
  }
  if (steps.some(({ ofBucket, ttlSeconds = Infinity }) => ofBucket === true && ageMs >= ttlSeconds * 1000)) {
    throw new NotRevertibleError('the bucket in which it counted is over');
  }
}
