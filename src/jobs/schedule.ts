import { z } from 'zod';
import { parseStored } from '../bullmq/stored-job.js';
import type { Registry } from '../operations/registry.js';
import type { Outcome } from '../operations/outcome.js';
import { decodeRecord, FORM, isFailure } from './form.js';
import { outcomeAt } from './job-end.js';

/** A schedule as it is kept, beside the scheduler of BullMQ's that makes its jobs; a paused one has none. */
const storedSchedule = z.object({
  v: z.int().max(FORM),
  /** Where its scheduler is. */
  queue: z.string(),
  prefix: z.string(),
  cron: z.string().optional(),
  timeZone: z.string().optional(),
  everyMs: z.int().optional(),
  paused: z.boolean(),
  operation: z.string(),
  params: z.unknown(),
  /** Of the API key that it was put with; absent where there was none, and in older versions. */
  owner: z.string().optional(),
});

export type StoredSchedule = Omit<z.output<typeof storedSchedule>, 'v'>;

/** How a run of a schedule ended: the update that it was, and the record or the failure of its job. */
const storedRun = z.object({
  v: z.int().max(FORM),
  atMs: z.int(),
  operation: z.string(),
  params: z.unknown(),
  end: z.string(),
});

type StoredRun = Omit<z.output<typeof storedRun>, 'v'>;

export function encodeSchedule(schedule: StoredSchedule): string {
  return JSON.stringify({ v: FORM, ...schedule });
}

/** Whether they make the same runs, whoever put them. */
export function hasSameRuns(one: StoredSchedule, other: StoredSchedule): boolean {
  return encodeSchedule({ ...one, owner: undefined }) === encodeSchedule({ ...other, owner: undefined });
}

/** @returns undefined for what is none, or of a newer version */
export function decodeSchedule(text: string | null | undefined): StoredSchedule | undefined {
  const parsed = storedSchedule.safeParse(parseStored(text));
  if (!parsed.success) {
    return undefined;
  }
  const { v: _, ...schedule } = parsed.data;
  return schedule;
}

export function encodeRun(run: StoredRun): string {
  return JSON.stringify({ v: FORM, ...run });
}

/** The last run of a schedule. */
export interface ScheduleRun {
  /** For when it was scheduled. */
  readonly at: Date;
  readonly outcome: Outcome;
}

/** @returns undefined for none, or one that can't be told here */
export function decodeRun(text: string | null | undefined, registry: Registry): ScheduleRun | undefined {
  const parsed = storedRun.safeParse(parseStored(text));
  const operation = parsed.data && registry.find(parsed.data.operation);
  if (operation === undefined || !parsed.success) {
    return undefined;
  }
  const { atMs, params, end } = parsed.data;
  const record = isFailure(end) ? undefined : decodeRecord(end);
  const how = record === undefined ? { failedReason: end } : { record };
  return { at: new Date(atMs), outcome: outcomeAt(how, { operation, params, index: 0, digest: undefined }) };
}
