import * as crypto from 'node:crypto';
import { z } from 'zod';
import type { ValidationIssue } from '../errors.js';
import { ValidationError } from '../errors.js';
import { parseWithFastPath, fastPathOf } from '../lib/schema-fast-path.js';
import { heldOwnerSchema, idempotencyKeySchema } from '../operations/idempotency-key.js';
import { checkUpdatesOf } from '../operations/update.js';
import type { CheckContext, CheckedUpdate, RefusedUpdate, UpdateTags } from '../operations/update.js';
import type { HeldSlots, Receipts } from '../layout/receipts.js';
import type { JobName } from '../redis/keys.js';
import { FORM } from './form.js';

/**
 * What a job holds: the params of 1 to N updates of the operation that is the job's name. The order of the properties counts:
 * {@link digestOfJob} leaves out those up to `windowMs`.
 */
export interface JobData {
  /** Version of its form; absent from jobs that somebody else added. */
  readonly v?: number;
  /** Redis' time at which it was sent: for a keyed update before its key was looked up. */
  readonly sentAtMs?: number;
  /** How long after that a keyed update may be applied; absent when none is keyed. */
  readonly windowMs?: number;
  /** In a Cluster the slot of each update, or of all: so that those whose params a worker can't read have their place, too. */
  readonly slots?: HeldSlots;
  /** Idempotency keys by the index of their update, with their owner if he has a name. */
  readonly idempotencyKeys?: Readonly<Record<string, string | readonly [owner: string, key: string]>>;
  readonly updates: readonly unknown[];
}

/** When a job's updates were sent, and how long its keyed ones may be applied. */
export interface Stamp {
  readonly sentAtMs: number;
  readonly windowMs: number;
}

/** No job holds more updates than this, however it came into the queue. */
const MAX_UPDATES_PER_JOB = 1_000;

const jobDataSchema = z.strictObject({
  v: z.int().min(1).max(FORM).optional(),
  sentAtMs: z.int().min(1).optional(),
  windowMs: z.int().min(1).optional(),
  slots: z.union([z.int(), z.array(z.int())]).optional(),
  idempotencyKeys: z
    .record(
      z.string().regex(/^\d+$/),
      z.union([idempotencyKeySchema, z.tuple([heldOwnerSchema, idempotencyKeySchema])]),
    )
    .optional(),
  updates: z.array(z.unknown()).min(1).max(MAX_UPDATES_PER_JOB),
});

const acceptJobData = fastPathOf(jobDataSchema);

/** An update as a job holds it. */
type HeldUpdate = Pick<CheckedUpdate, 'params'> & UpdateTags;

/**
 * @param stamp without a time when somebody else added the job that these are put back from, and none was noted
 * @param receipts say whether the slots of the updates are to be held
 * @param form that of the job that these are put back from. When somebody else added it, they have one all the same: then
 * their receipts go by their ids alone, and are found when they are put back once more
 */
export function toJobData(
  updates: readonly HeldUpdate[],
  stamp: Partial<Stamp>,
  receipts: Pick<Receipts, 'heldSlots'>,
  form = FORM,
): JobData {
  const idempotencyKeys: Record<string, string | [string, string]> = {};
  let isKeyed = false;
  for (const [index, { idempotencyKey, idempotencyOwner }] of updates.entries()) {
    if (idempotencyKey !== undefined) {
      idempotencyKeys[index] = idempotencyOwner === '' ? idempotencyKey : [idempotencyOwner, idempotencyKey];
      isKeyed = true;
    }
  }
  const slots = receipts.heldSlots(updates);
  return {
    v: form,
    ...(stamp.sentAtMs !== undefined && { sentAtMs: stamp.sentAtMs }),
    ...(isKeyed && stamp.windowMs !== undefined && { windowMs: stamp.windowMs }),
    ...(slots !== undefined && { slots }),
    ...(isKeyed && { idempotencyKeys }),
    updates: updates.map(({ params }) => params),
  };
}

/** A job's data, read back. */
export interface ReadJob {
  readonly form: number | undefined;
  readonly sentAtMs: number | undefined;
  readonly windowMs: number | undefined;
  /** In their places. One that this process can't apply says why. */
  readonly updates: readonly (CheckedUpdate | RefusedUpdate)[];
}

/**
 * Reads a job back: someone may have edited it, or added it by hand, and this process may know other operations than the one
 * that sent it.
 *
 * @throws ValidationError when it can't be told what its updates are, with the path of each issue within the job's data
 */
export function parseJobData(operation: string, data: unknown, context: CheckContext): ReadJob {
  const parsed = parseWithFastPath(jobDataSchema, acceptJobData, data);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue): ValidationIssue => {
      return { path: issue.path.map(String).join('.'), code: 'INVALID_UPDATE', message: `job data: ${issue.message}` };
    });
    throw new ValidationError(issues as [ValidationIssue, ...ValidationIssue[]]);
  }
  const { v: form, sentAtMs, windowMs, updates } = parsed.data;
  return { form, sentAtMs, windowMs, updates: checkUpdatesOf(operation, updates, tagsOf(parsed.data), context) };
}

/** Most jobs have none: one object for all their updates. */
const NO_TAGS: UpdateTags = { idempotencyKey: undefined, idempotencyOwner: '', slot: undefined };

function tagsOf({ slots, idempotencyKeys = {} }: z.output<typeof jobDataSchema>): (index: number) => UpdateTags {
  const untagged = { ...NO_TAGS, slot: typeof slots === 'number' ? slots : undefined };
  return (index) => {
    const key = idempotencyKeys[index];
    if (key === undefined && typeof slots !== 'object') {
      return untagged;
    }
    const [idempotencyOwner, idempotencyKey] = typeof key === 'object' ? key : ['', key];
    return { idempotencyKey, idempotencyOwner, slot: typeof slots === 'object' ? slots[index] : slots };
  };
}

/** The version of a job's form; undefined for one that somebody else added. */
export function formOfJob(data: unknown): number | undefined {
  const { v } = (data ?? {}) as Partial<JobData>;
  return typeof v === 'number' ? v : undefined;
}

/** How many updates a job holds; 0 where its data are not even an object, as somebody else may add it. */
export function updatesIn(data: unknown): number {
  const { updates } = (data ?? {}) as Partial<JobData>;
  return Array.isArray(updates) ? updates.length : 0;
}

/** A job is Tally's own by the version in its data: anybody may give jobs ids that look like Tally's. */
export function nameOfJob(
  place: { readonly prefix: string; readonly queue: string; readonly jobId: string },
  data: unknown,
  timestamp: number,
): JobName {
  return formOfJob(data) === undefined ? { ...place, addedAtMs: timestamp } : place;
}

/** What a receipt is called, and what it would be if the version were put into or out of the job's data. */
export function namesOfJob(
  place: { readonly prefix: string; readonly queue: string; readonly jobId: string },
  data: unknown,
  timestamp: number,
): readonly [own: JobName, other: JobName] {
  const name = nameOfJob(place, data, timestamp);
  return [name, name.addedAtMs === undefined ? { ...place, addedAtMs: timestamp } : place];
}

const HEAD = /^\{"v":\d+,"sentAtMs":\d+,(?:"windowMs":\d+,)?/;

/** Enough to notice an edit; nobody is kept from forging. */
const DIGEST_LENGTH = 8;

/**
 * What tells data from edited data: 48 bits of SHA-256, as base64url, over their text without its stamp, which
 * `tally readmit` may replace.
 *
 * @param text JSON, as BullMQ stores it
 */
export function digestOfJob(text: string): string {
  return crypto.hash('sha256', text.replace(HEAD, ''), 'base64url').slice(0, DIGEST_LENGTH);
}
