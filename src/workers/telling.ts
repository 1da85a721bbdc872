import { UnrecoverableError } from 'bullmq';
import type { Job } from 'bullmq';
import { decodeRecord } from '../jobs/form.js';
import { nameOfJob } from '../jobs/job-data.js';
import type { JobResult } from '../jobs/queues.js';
import { TOLD_FORM, toldId } from '../jobs/told.js';
import type { Store } from '../layout/store.js';
import { CANCELLED, isUndone } from '../operations/outcome.js';
import { luaSource } from '../redis/lua-source.js';
import { createScript, ScriptRunner } from '../redis/scripts.js';
import { readOrder } from './attempt.js';
import type { Attempt, JobPlace, Reading, TallyJob } from './attempt.js';
import { dataTextOf } from './queue-worker.js';
import { inPlace } from './requeue.js';
import { readSteps, stepCounts } from './script-call.js';
import { toldCells } from './told-cells.js';

const TELL = createScript('tell', `${luaSource('last-told')}${luaSource('tell')}`);

/** Whether BullMQ will try a job again after this error. */
function endsForGood({ attemptsMade, opts }: Job, error: Error): boolean {
  return error instanceof UnrecoverableError || attemptsMade + 1 >= (opts.attempts ?? 1);
}

/** Tells outcomes in the stream, where workers do: what the script of a job did not decide, before BullMQ hears that it ended. */
export class Telling {
  readonly #scripts: ScriptRunner;

  constructor(private readonly deps: Reading & Pick<Store, 'redis' | 'keys'>) {
    this.#scripts = new ScriptRunner(deps.redis, [TELL]);
  }

  /** What the script has to know to tell of a job. */
  forScript({ job, name }: Attempt): { readonly source: string; readonly data: string } {
    return { source: `${toldId(name)} ${job.name}`, data: dataTextOf(job) };
  }

  /** That the update of a job was taken back: `lua/cancel.lua` wrote its receipt, which an attempt has found. */
  async cancelled(attempt: Attempt, record: JobResult): Promise<void> {
    const { outcomes } = (record.endsWith(CANCELLED) && decodeRecord(record)) || { outcomes: [] };
    if (outcomes.length === 1 && outcomes[0] === CANCELLED) {
      const { source, data } = this.forScript(attempt);
      await this.#tell(1, source, ['r', record, ...this.#cells(attempt), 'd', data]);
    }
  }

  /**
   * That a job failed, if it did for good.
   *
   * @param record what it applied before it failed: of that, only what was not applied fails
   */
  async failure({ job, place, attempt, record }: FailedAttempt, error: Error): Promise<void> {
    const indexes = record === undefined ? undefined : undoneIn(record);
    if (!endsForGood(job, error) || indexes?.length === 0) {
      return;
    }
    const name = nameOfJob(
      { prefix: place.partition.prefix, queue: job.queueName, jobId: encodeURI(job.id ?? '') },
      job.data,
      job.timestamp,
    );
    const { updates } = (job.data as Partial<TallyJob['data']> | undefined) ?? {};
    const count = Array.isArray(updates) ? updates.length : 1;
    await this.#tell(count, `${toldId(name)} ${job.name}`, [
      ...['f', error.message, 't', String(job.attemptsMade + 1)],
      ...(indexes ? ['i', indexes.join(',')] : []),
      ...(attempt ? this.#cells(attempt) : []),
      ...['d', dataTextOf(job)],
    ]);
  }

  /** None of a job that can't be read. */
  #cells(attempt: Attempt): string[] {
    try {
      const updates = inPlace(readOrder(attempt, this.deps).groups);
      const cells = toldCells(readSteps(updates, this.deps.keys).steps, stepCounts(updates));
      return ['c', JSON.stringify(cells)];
    } catch {
      return [];
    }
  }

  async #tell(updates: number, source: string, fields: readonly string[]): Promise<void> {
    await this.#scripts.run(TELL, [this.deps.keys.outcomes], [TOLD_FORM, updates, source, ...fields]);
  }
}

export interface FailedAttempt {
  readonly job: TallyJob;
  readonly place: JobPlace;
  /** Undefined where it did not come so far. */
  readonly attempt: Attempt | undefined;
  readonly record: JobResult | undefined;
}

function undoneIn(record: JobResult): number[] {
  const { outcomes } = decodeRecord(record) ?? { outcomes: [] };
  return outcomes.flatMap((outcome, index) => (isUndone(outcome) ? [index] : []));
}
