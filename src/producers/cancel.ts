import { QueueUnavailableError, TallyError } from '../errors.js';
import { luaSource } from '../redis/lua-source.js';
import { NotReplicatedError } from '../redis/replicas.js';
import type { ReplicaConfirmation } from '../redis/replicas.js';
import { createScript, ScriptRunner } from '../redis/scripts.js';
import { decodeRecord, encodeRecord, FORM } from '../jobs/form.js';
import { formOfJob, namesOfJob, parseJobData } from '../jobs/job-data.js';
import { outcomeAt } from '../jobs/job-end.js';
import { parseUpdateId, updateId } from '../jobs/job-id.js';
import { CANCEL_WITHIN_MS, UNSETTLED_RECEIPT_MS } from '../jobs/job-options.js';
import type { Store } from '../layout/store.js';
import type { UpdateGroup } from '../layout/update-group.js';
import { CANCELLED, decodeOutcome } from '../operations/outcome.js';
import type { Outcome } from '../operations/outcome.js';
import { GIVES_BACK, isUpkeep } from '../operations/reservations.js';
import { fingerprint } from '../operations/update.js';
import type { CheckedUpdate } from '../operations/update.js';
import type { JobName, Keys } from '../redis/keys.js';
import { askRedis } from '../redis/ask-redis.js';
import { lookFor, readJobs } from './find-update.js';
import type { FoundJob, Search } from './find-update.js';
import { readKeyReceipt } from './idempotency.js';
import type { KeyLookUp } from './idempotency.js';
import { NotCancellableError } from './not-cancellable.js';
import type { Sender } from './sender.js';

interface CancelDeps extends Search, Pick<Store, 'logger'> {
  readonly keyLookUp: Pick<KeyLookUp, 'timeAt'>;
  readonly confirmation: ReplicaConfirmation;
  readonly sender: Pick<Sender, 'queue'>;
}

const NOT_KNOWN = {
  accepted: 'unknown',
  words: 'it is not known whether the update was cancelled: cancel it again, which is safe',
} as const;

const SCRIPT = createScript('cancel', luaSource('cancel'));

/** Takes updates back that have not begun. */
export class Canceller {
  readonly #scripts: ScriptRunner;

  constructor(private readonly deps: CancelDeps) {
    this.#scripts = new ScriptRunner(deps.redis, [SCRIPT]);
  }

  /**
   * Resolves when the update is taken back: it was not applied, and will not be.
   *
   * @throws NotCancellableError when it is too late for that, or the update shares its job with others
   * @throws TallyError `UPDATE_NOT_FOUND` when there is no such update, or its job was removed
   * @throws QueueUnavailableError when Redis does not answer in time; then it may or may not be cancelled
   */
  async cancel(id: string): Promise<void> {
    const { redis, timeoutMs } = this.deps;
    try {
      await askRedis(redis, timeoutMs, this.#cancel(id), NOT_KNOWN);
    } catch (error) {
      if (error instanceof NotReplicatedError) {
        const message = `${error.message}, and a failover may lose that the update was cancelled: cancel it again, which is safe`;
        throw new QueueUnavailableError(message, { cause: error });
      }
      throw error;
    }
  }

  async #cancel(id: string): Promise<void> {
    for (;;) {
      const { job, isCancelled } = await this.#find(id);
      if (isCancelled) {
        await this.#confirm(job);
        await this.#promote(job); // in case that whoever cancelled it did not come to it
        return;
      }
      const order = readOrder(this.deps, job);
      const untilMs = CANCEL_WITHIN_MS + (await this.deps.keyLookUp.timeAt(order.group.slot));
      const again = await this.#find(id); // when that time is known, so that it was not settled before it
      const isSame = !again.isCancelled && again.job.digest === job.digest;
      if (isSame && (await this.#write(job, order, untilMs))) {
        await this.#promote(job);
        return;
      }
    }
  }

  /**
   * The job of an update that can be taken back, or is taken back already.
   *
   * @throws NotCancellableError for another one
   */
  async #find(id: string): Promise<{ readonly job: FoundJob; readonly isCancelled: boolean }> {
    const place = parseUpdateId(id);
    const found = place && (await lookFor(this.deps, id, place.jobId, place.index));
    const job = place && (await readJobs(this.deps, [place.jobId])).find(({ jobId }) => jobId === place.jobId);
    if (found === undefined || job === undefined) {
      throw new TallyError('UPDATE_NOT_FOUND', `there is no update ${id}, or it is kept no more`);
    }
    if (found.outcome?.status === 'cancelled') {
      return { job, isCancelled: true };
    }
    if (found.outcome !== undefined) {
      throw tooLate(found.outcome);
    }
    if (isUpkeep(job.name)) {
      throw new NotCancellableError(GIVES_BACK);
    }
    if (job.updates.length > 1) {
      throw new NotCancellableError(
        `it shares job ${job.jobId} with ${job.updates.length - 1} others; one that may have to be cancelled needs a delay, a ` +
          'priority, or maxBatch: 1',
      );
    }
    if (job.hasBegun || found.jobId !== job.jobId) {
      throw new NotCancellableError('a worker has begun with it');
    }
    return { job, isCancelled: false };
  }

  /** Whoever wrote the receipt may have been told that too few replicas have it. */
  async #confirm({ data }: FoundJob): Promise<void> {
    const { confirmation, keys, layouts } = this.deps;
    const slot = layouts.receipts.slotOfUpdate(data, 0);
    if (confirmation.isNeeded && slot !== undefined) {
      await confirmation.confirmRead(confirmation.before([slot]), keys);
    }
  }

  /**
   * @returns false when too much time has passed meanwhile
   * @throws NotCancellableError when somebody was faster
   */
  async #write(job: FoundJob, order: Order, untilMs: number): Promise<boolean> {
    const { confirmation, keys } = this.deps;
    const { group, update } = order;
    const call = callFor(job, order, keys);
    const before = confirmation.isNeeded && confirmation.before([group.slot]);
    const [what, text = ''] = (await this.#scripts.run(SCRIPT, call.keys, [untilMs, ...call.args])) as [
      string,
      string?,
    ];
    if (before) {
      await confirmation.confirmRead(before, keys); // an earlier request may have written it, over another connection
    }
    if (what === 'job' || what === 'key') {
      const outcome = what === 'job' ? outcomeInRecord(text, job, update) : outcomeOfKey(text, update);
      if (outcome?.status !== 'cancelled') {
        throw tooLate(outcome);
      }
    }
    return what !== 'late';
  }

  /** So that the job ends, and does not wait for its time: a worker finds the receipt. Without this it ends then. */
  async #promote({ queue, partition, jobId }: FoundJob): Promise<void> {
    const { sender, logger } = this.deps;
    try {
      const job = await sender.queue(queue, partition).getJob(jobId);
      if ((await job?.isDelayed()) === true) {
        await job?.promote();
      }
    } catch (error) {
      logger.debug(
        { err: error, queue, jobId },
        'could not promote the job of a cancelled update; it ends at its time',
      );
    }
  }
}

/** What a worker would make of the job. */
interface Order {
  readonly group: UpdateGroup<CheckedUpdate>;
  readonly update: CheckedUpdate;
  readonly windowMs: number;
  readonly form: number;
  /** Whichever of its names the receipt would have, with the version that its data has now, and without. */
  readonly names: readonly [own: JobName, other: JobName];
}

/** @throws NotCancellableError for a job that can't be read here, as one of a newer version */
function readOrder({ registry, keys, layouts }: Search, job: FoundJob): Order {
  const { receipts } = layouts;
  const refuse = (): never => {
    throw new NotCancellableError(
      'its job was written by a newer version of Tally, or edited, and can not be read here',
    );
  };
  const context = { registry, isReservedKey: keys.isReserved, slotOf: receipts.slotOf.bind(receipts) };
  let read: ReturnType<typeof parseJobData>;
  try {
    read = parseJobData(job.name, job.data, context);
  } catch {
    return refuse();
  }
  const { updates, windowMs = 0 } = read;
  const [update] = updates;
  if (update === undefined || 'refusal' in update) {
    return refuse();
  }
  const [group] = receipts.groups([update], refuse);
  const where = { prefix: job.partition.prefix, queue: job.queue, jobId: job.jobId };
  const names = namesOfJob(where, job.data, job.addedAtMs);
  return { group, update, windowMs, form: formOfJob(job.data) ?? FORM, names };
}

/** The KEYS of the script, and its ARGV after the first. */
function callFor(job: FoundJob, { group, update, names, form, windowMs }: Order, keys: Keys) {
  const { operation, params, steps, idempotencyKey: key, idempotencyOwner: owner } = update;
  const { slot } = group;
  const record = encodeRecord(form, { digest: job.digest, outcomes: [CANCELLED] });
  const scriptKeys = [...names.map((name) => keys.jobReceipt(name, slot)), keys.announced(slot)];
  const args = [record, UNSETTLED_RECEIPT_MS / 1000];
  if (key === undefined) {
    return { keys: scriptKeys, args };
  }
  const print = fingerprint(operation, params);
  const receipt = `tally/${form} ${group.slotInCluster(steps)} ${print} ${updateId(job.jobId, 0)} ${CANCELLED}`;
  const receiptKey = keys.idempotencyReceipt({ owner, operation: operation.name, key }, slot);
  return { keys: [...scriptKeys, receiptKey], args: [...args, receipt, windowMs] };
}

function outcomeInRecord(
  text: string,
  { digest }: FoundJob,
  { operation, params }: CheckedUpdate,
): Outcome | undefined {
  const record = decodeRecord(text);
  return record && outcomeAt({ record }, { operation, params, index: 0, digest });
}

function outcomeOfKey(text: string, { operation, params }: CheckedUpdate): Outcome | undefined {
  const recorded = readKeyReceipt(text, operation, params);
  return recorded && decodeOutcome(recorded.outcome, operation, params);
}

function tooLate(outcome: Outcome | undefined): NotCancellableError {
  return new NotCancellableError(outcome === undefined ? 'it has ended' : `it is ${outcome.status}`, outcome);
}
