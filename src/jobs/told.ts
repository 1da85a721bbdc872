import type { RedisClient } from '../redis/connection.js';

/**
 * An entry in the stream of outcomes tells of all updates of a job. The script of the job writes it with the changes; what that did
 * not decide, a worker adds (`lua/tell.lua`). Its fields, whose names are short since each entry holds them:
 *
 * - `h`: "form number time updates id operation": the number of its last update among all that were ever told, by which readers
 *   know that none is missing; Redis' time in ms; how many updates there are; with what their ids begin, see {@link toldId}
 * - `r`: the job's record, see `src/jobs/form.ts`
 * - `f`, in place of `r`: the `failedReason` of a job that ended without one
 * - `t`: of one that failed, the number of the attempt
 * - `i`: of one that failed, the indexes of the updates that it is told of, joined by ','. Absent when it is all. With `r`, the places
 *   in the job of the updates that a master of a Cluster has applied: then `d` are the data as if the job had these alone
 * - `c`: JSON, the cells, see {@link ToldCells}; absent when the job could not be read
 * - `d`: the job's data, as BullMQ keeps them
 * - `b`: the values before, of the cells in their order, joined by ','; nothing in the place of a missing one, "?" of one that
 *   could not be read
 * - `a`: the values after each step, of its cells in their order, joined by ',', "-" in the place of a missing one; the steps joined by
 *   ';'. Nothing of a step whose outcome is its new value; nothing at all where that is so of all steps
 */
export interface ToldEntry {
  readonly form: number;
  readonly number: number;
  readonly atMs: number;
  readonly updates: number;
  readonly id: string;
  readonly operation: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** The version of these entries. Readers make nothing of a newer one but its number. */
export const TOLD_FORM = 1;

/** The cells of a job: strings, then those of hashes, then those of sorted sets. */
export interface ToldCells {
  /** The keys of strings, whose numbers are 1, 2, ... */
  readonly s: readonly string[];
  /** Hashes: key, numbers of the cells, fields. */
  readonly h?: readonly ToldGroup[];
  /** Sorted sets: key, numbers of the cells, members. */
  readonly z?: readonly ToldGroup[];
  /** The numbers of the cells of all steps, one step after the other. */
  readonly n: readonly number[];
  /** How many cells a step has: each, or all. */
  readonly w: readonly number[] | number;
  /** How many steps each update has. @defaultValue 1 */
  readonly u?: readonly number[];
}

type ToldGroup = readonly [key: string, numbers: readonly number[], names: readonly string[]];

const HEAD = /^(\d{1,9}) (\d{1,16}) (\d{1,15}) (\d{1,9}) (\S+) (.*)$/s;

/** @returns undefined for what Tally did not write */
export function readTold(list: readonly string[]): ToldEntry | undefined {
  const fields: Record<string, string> = {};
  for (let place = 0; place + 1 < list.length; place += 2) {
    fields[list[place] ?? ''] = list[place + 1] ?? '';
  }
  const [, form, number, atMs, updates, id = '', operation = ''] = HEAD.exec(fields['h'] ?? '') ?? [];
  return form === undefined
    ? undefined
    : {
        form: Number(form),
        number: Number(number),
        atMs: Number(atMs),
        updates: Number(updates),
        id,
        operation,
        fields,
      };
}

/** The number of the last update that was told, 0 for none. */
export async function lastTold(redis: Pick<RedisClient, 'xrevrange'>, stream: string): Promise<number> {
  const [last] = await redis.xrevrange(stream, '+', '-', 'COUNT', 1);
  return (last && readTold(last[1])?.number) ?? 0;
}

/** With what the ids of a job's updates begin. Those of jobs that somebody else added come again, in other queues as well. */
export function toldId({ queue, jobId, addedAtMs }: { queue: string; jobId: string; addedAtMs?: number | undefined }) {
  return addedAtMs === undefined ? jobId : `${[queue, jobId].map(encodeURIComponent).join('/')}/${addedAtMs}`;
}

/** The opposite of {@link toldId}. */
export function jobIdOfTold(id: string): string {
  const [, jobId, addedAtMs] = id.split('/');
  return jobId === undefined || addedAtMs === undefined ? id : decodeURIComponent(jobId);
}
