import type { Job } from 'bullmq';
import { bullmq } from '../bullmq/bullmq.js';
import { jobLockKey } from '../bullmq/queue-keys.js';
import { decodeRecord, saysCancelled } from '../jobs/form.js';
import { nameOfJob } from '../jobs/job-data.js';
import type { JobData } from '../jobs/job-data.js';
import { placeOf } from '../jobs/queues.js';
import type { JobResult } from '../jobs/queues.js';
import { TOLD_FORM, toldId } from '../jobs/told.js';
import type { Store } from '../layout/store.js';
import { isUndone } from '../operations/outcome.js';
import { ClusterConnection } from '../redis/cluster-connection.js';
import type { CrossSlotScripts } from '../redis/cross-slot-scripts.js';
import { luaSource } from '../redis/lua-source.js';
import { createScript, ScriptRunner } from '../redis/scripts.js';
import { readOrder } from './attempt.js';
import type { Attempt, JobPlace, Reading, TallyJob } from './attempt.js';
import { UntoldError } from './failures.js';
import { readReceipts } from './late-requests.js';
import { dataTextOf } from './queue-worker.js';
import { inPlace } from './requeue.js';
import { readSteps, stepCounts } from './script-call.js';
import type { JobGroups, ToldCall } from './script-call.js';
import { StreamChoice } from './stream-choice.js';
import { toldCells } from './told-cells.js';

const TELL = createScript('tell', `${luaSource('last-told')}${luaSource('tell')}`);

/** Whether BullMQ will try a job again after this error. */
function endsForGood({ attemptsMade, opts }: Job, error: Error): boolean {
  return error instanceof bullmq().UnrecoverableError || attemptsMade + 1 >= (opts.attempts ?? 1);
}

/** Tells outcomes in the stream, where workers do: what the script of a job did not decide, before BullMQ hears that it ended. */
export class Telling {
  /** On a Cluster; undefined on one server, which has one stream. */
  readonly streams: StreamChoice | undefined;
  readonly #scripts: ScriptRunner;

  constructor(
    private readonly deps: Reading & Pick<Store, 'redis' | 'keys' | 'clock'> & { readonly crossSlot: CrossSlotScripts },
  ) {
    const { redis } = deps;
    this.streams = redis instanceof ClusterConnection ? new StreamChoice({ ...deps, redis }) : undefined;
    this.#scripts = new ScriptRunner(redis, [TELL]);
  }

  /** What the script has to know to tell of a job. */
  forScript({ job, name }: Attempt): ToldCall {
    return { stream: this.deps.keys.outcomes, source: `${toldId(name)} ${job.name}`, data: dataTextOf(job) };
  }

  /** The same of what it has on a master of a Cluster. @param stream the key of that master's */
  forPart(attempt: Attempt, groups: JobGroups, stream: string): ToldCall {
    const { data } = attempt.job;
    const indexes = groups.flatMap((group) => group.updates.map((_, place) => group.indexAt(place)));
    const isWhole = indexes.length === data.updates.length && indexes.every((index, place) => index === place);
    return {
      ...this.forScript(attempt),
      stream,
      ...(!isWhole && { data: dataOfPart(data, indexes), indexes: indexes.join(',') }),
    };
  }

  /**
   * That the update of a job was taken back: `lua/cancel.lua` wrote its receipt, which an attempt has found.
   *
   * @throws UntoldError
   */
  async cancelled(attempt: Attempt, record: JobResult): Promise<void> {
    if (saysCancelled(record)) {
      const { source, data } = this.forScript(attempt);
      try {
        for (const { stream } of await this.#streamsOf(attempt.place, attempt)) {
          await this.#tell([stream], '', 1, source, ['r', record, ...this.#cells(attempt), 'd', data]);
        }
      } catch (error) {
        throw new UntoldError((error as Error).message, { cause: error });
      }
    }
  }

  /**
   * That a job failed, if it did for good: of its updates those that were not applied. Nothing, where another attempt has the job by now:
   * then this one was held up for longer than its lock lasts, and does not end the job.
   */
  async failure({ job, place, attempt, record }: FailedAttempt, error: Error): Promise<void> {
    if (!endsForGood(job, error)) {
      return;
    }
    const indexes = await this.#undone(attempt, record);
    if (indexes?.length === 0) {
      return;
    }
    const token = job.token ?? '';
    const lock = jobLockKey(placeOf(place.queue), job.id ?? '');
    if (this.streams !== undefined && (await this.deps.redis.get(lock)) !== token) {
      return; // no script sees both it and the stream
    }
    const name = nameOfJob(
      { prefix: place.partition.prefix, queue: job.queueName, jobId: encodeURI(job.id ?? '') },
      job.data,
      job.timestamp,
    );
    const { updates } = (job.data as Partial<TallyJob['data']> | undefined) ?? {};
    const count = Array.isArray(updates) ? updates.length : 1;
    const cells = attempt ? this.#cells(attempt) : [];
    for (const { stream, indexes: there } of await this.#streamsOf(place, attempt, indexes)) {
      const keys = this.streams === undefined ? [stream, lock] : [stream];
      await this.#tell(keys, token, count, `${toldId(name)} ${job.name}`, [
        ...['f', error.message, 't', String(job.attemptsMade + 1)],
        ...(there ? ['i', there.join(',')] : []),
        ...[...cells, 'd', dataTextOf(job)],
      ]);
    }
  }

  /**
   * Where a job, or the updates at some of its places, are told: in the streams of the masters of their cells, so that events of a
   * key are in one stream; of a job that can't be read in that of its queue's master.
   */
  async #streamsOf(
    { partition }: JobPlace,
    attempt: Attempt | undefined,
    indexes?: readonly number[],
  ): Promise<readonly { stream: string; indexes?: readonly number[] | undefined }[]> {
    const { streams } = this;
    if (streams === undefined) {
      return [{ stream: this.deps.keys.outcomes, indexes }];
    }
    const groups = attempt && this.#groupsOf(attempt);
    if (groups === undefined) {
      return [{ stream: (await streams.forSlot(partition.slot)).key, indexes }];
    }
    const found = new Map<string, number[]>();
    for (const group of groups) {
      const there = group.updates.map((_, place) => group.indexAt(place)).filter((at) => indexes?.includes(at) ?? true);
      const { key } = await streams.forSlot(group.slot);
      if (there.length > 0) {
        found.set(key, [...(found.get(key) ?? []), ...there]);
      }
    }
    return [...found].map(([stream, there]) => ({ stream, indexes: found.size > 1 || indexes ? there : undefined }));
  }

  /**
   * The indexes of the updates of a failed job that were not applied, by what it recorded, or by its receipts: some may have been applied
   * by other calls, or by attempts before. Undefined when these are all.
   */
  async #undone(attempt: Attempt | undefined, record: JobResult | undefined): Promise<readonly number[] | undefined> {
    if (record !== undefined) {
      return undoneIn(record);
    }
    const groups = attempt && this.#groupsOf(attempt);
    if (attempt === undefined || groups === undefined) {
      return undefined;
    }
    const records = await readReceipts(attempt, groups, this.deps);
    return records.every((each) => each === undefined)
      ? undefined
      : groups.flatMap((group, at) => {
          const { digest, outcomes = [] } = decodeRecord(records[at]) ?? {};
          const isOpen = (outcome: string | undefined) => outcome === undefined || isUndone(outcome);
          return group.updates.flatMap((_, place) =>
            digest !== attempt.digest || isOpen(outcomes[place]) ? [group.indexAt(place)] : [],
          );
        });
  }

  #groupsOf(attempt: Attempt): JobGroups | undefined {
    try {
      return readOrder(attempt, this.deps).groups;
    } catch {
      return undefined;
    }
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

  async #tell(
    keys: readonly string[],
    token: string,
    updates: number,
    source: string,
    fields: readonly string[],
  ): Promise<void> {
    await this.#scripts.run(TELL, keys, [TOLD_FORM, updates, source, token, ...fields]);
  }
}

/** What the data of a job would be if it had only some of its updates. */
function dataOfPart({ updates, idempotencyKeys: keys }: JobData, indexes: readonly number[]): string {
  const keyed = keys && indexes.flatMap((index, place) => (keys[index] === undefined ? [] : [[place, keys[index]]]));
  return JSON.stringify({
    ...(keyed && { idempotencyKeys: Object.fromEntries(keyed) as JobData['idempotencyKeys'] }),
    updates: indexes.map((index) => updates[index]),
  });
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
