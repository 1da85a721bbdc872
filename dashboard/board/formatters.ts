import type { Job } from 'bullmq';
import { z } from 'zod';
import { storedText } from '../../src/bullmq/stored-job.js';
import { decodeFailure, decodeRecord, withoutForm } from '../../src/jobs/form.js';
import type { JobRecord } from '../../src/jobs/form.js';
import { digestOfJob, formOfJob } from '../../src/jobs/job-data.js';
import { endOf, isRequeuedAt, outcomeAt } from '../../src/jobs/job-end.js';
import { requeuedJobId } from '../../src/jobs/job-id.js';
import { settledRecord } from '../../src/jobs/queues.js';
import { HoldCell } from '../../src/redis/cell.js';
import type { Cell } from '../../src/redis/cell.js';
import type { Operation } from '../../src/operations/operation.js';
import type { Outcome } from '../../src/operations/outcome.js';
import type { Registry } from '../../src/operations/registry.js';
import { escapeInvisible } from '../../src/web/escape-invisible.js';
import { isEndedByTally, failureWords, outcomeWords } from './words.js';

/** A job of up to 1,000 updates stays one screen: this many of its updates are shown. */
const SHOWN_UPDATES = 5;
const SHOWN_NOT_APPLIED = 20;
const SHOWN_CELLS = 3;
const LONGEST_LINE = 200;

/** What the board shows in place of a job's stored fields. */
export interface ReadableJob {
  readonly name: string;
  readonly data: unknown;
  readonly returnvalue: unknown;
  readonly progress: number;
  /** The board shows a job that has one, or a stack, as failed, and offers to retry it, also when it is completed. */
  readonly failedReason: string | undefined;
  readonly stacktrace: readonly string[];
}

/** The fields of a job that say what it does and how it ended. */
export type StoredJob = Pick<
  Job<unknown, unknown>,
  'id' | 'name' | 'data' | 'returnvalue' | 'progress' | 'timestamp' | 'finishedOn' | 'failedReason' | 'stacktrace'
>;

const storedData = z.object({
  updates: z.array(z.unknown()).min(1),
  idempotencyKeys: z.record(z.string(), z.union([z.string(), z.tuple([z.string(), z.string()])])).default({}),
});

type StoredData = z.output<typeof storedData>;

/**
 * Puts a job into words. What can't be read, such as the data of a job that someone edited or of an operation that
 * the dashboard was not told about, is shown as it is stored: the board has to show such jobs above all.
 */
export function describeJob(job: StoredJob, registry: Registry): ReadableJob {
  return withVisible(describe(job, registry)) as ReadableJob;
}

/** Of all that is shown, characters that are not seen stand as escapes. */
function withVisible(value: unknown): unknown {
  if (typeof value === 'string') {
    return escapeInvisible(value);
  }
  if (Array.isArray(value)) {
    return value.map(withVisible);
  }
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, each]) => [escapeInvisible(name), withVisible(each)]))
    : value;
}

function describe(job: StoredJob, registry: Registry): ReadableJob {
  const progress = settledRecord(job.progress) === undefined ? 0 : 100;
  const stored = { name: job.name, data: job.data, returnvalue: job.returnvalue, progress, ...describeFailure(job) };
  const operation = registry.find(job.name);
  const parsed = storedData.safeParse(job.data);
  if (operation === undefined || !parsed.success) {
    return stored;
  }
  try {
    return {
      ...stored,
      name: describeName(operation, parsed.data),
      data: describeData(operation, parsed.data),
      returnvalue: describeOutcomes(job, operation, parsed.data),
    };
  } catch {
    return stored;
  }
}

function isCompleted({ finishedOn, returnvalue }: StoredJob): boolean {
  return finishedOn !== undefined && returnvalue !== null && returnvalue !== undefined;
}

/** How it failed, or how an attempt at it did; of one that somebody else completed, what is to be made of that. */
function describeFailure(job: StoredJob): Pick<ReadableJob, 'failedReason' | 'stacktrace'> {
  const { failedReason, finishedOn, returnvalue } = job;
  if (isCompleted(job) && isEndedByTally(job)) {
    return { failedReason: undefined, stacktrace: [] }; // of attempts before, with which it would seem to have failed
  }
  const end = isCompleted(job) ? endOf({ returnvalue }) : { failedReason };
  return {
    failedReason:
      'failedReason' in end && end.failedReason ? failureWords(end.failedReason, finishedOn !== undefined) : undefined,
    stacktrace: (job.stacktrace ?? []).map(withoutForm),
  };
}

function describeName(operation: Operation, { updates }: StoredData): string {
  return updates.length === 1
    ? `${operation.name} ${describeParams(operation, updates[0])}`
    : `${operation.name} × ${updates.length}`;
}

/** One update as it would be submitted; a batch as a summary. */
function describeData(operation: Operation, { updates, idempotencyKeys }: StoredData): unknown {
  if (updates.length === 1) {
    const [idempotencyOwner, idempotencyKey] = ownerAndKey(idempotencyKeys['0']);
    return {
      operation: operation.name,
      params: updates[0],
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      ...(idempotencyOwner !== '' && { idempotencyOwner }),
    };
  }
  const lines = updates.slice(0, SHOWN_UPDATES).map((params, index) => {
    const [owner, idempotencyKey] = ownerAndKey(idempotencyKeys[index]);
    const of = owner === '' ? '' : ` of ${owner}`;
    const suffix = idempotencyKey === undefined ? '' : `, idempotency key ${idempotencyKey}${of}`;
    return shorten(describeParams(operation, params) + suffix);
  });
  return {
    operation: operation.name,
    updates: updates.length,
    withIdempotencyKey: Object.keys(idempotencyKeys).length,
    first: Object.fromEntries(lines.entries()),
  };
}

function ownerAndKey(held: StoredData['idempotencyKeys'][string] | undefined): readonly [string, string | undefined] {
  return typeof held === 'object' ? held : ['', held];
}

/** The cells of an update and its plain params, e.g. `views (by 5)`. */
function describeParams(operation: Operation, params: unknown): string {
  const cells = operation.steps(params).flatMap((step) => step.cells.filter((cell) => !(cell instanceof HoldCell)));
  const names = cells.slice(0, SHOWN_CELLS).map(cellWords).join(', ');
  const more = cells.length > SHOWN_CELLS ? ` and ${cells.length - SHOWN_CELLS} more` : '';
  const amounts = Object.entries(params as object)
    .filter(([name, value]) => !['key', 'field', 'member'].includes(name) && typeof value !== 'object')
    .map(([name, value]) => `${name} ${String(value)}`);
  return shorten(`${names}${more}${amounts.length > 0 ? ` (${amounts.join(', ')})` : ''}`);
}

/** Without the quotation marks of `describeCell`: the board puts them around every line. */
function cellWords({ key, field, member }: Cell): string {
  return [key, field !== undefined && `field ${field}`, member !== undefined && `member ${member}`]
    .filter((part) => part !== false)
    .join(' ');
}

function describeOutcomes(job: StoredJob, operation: Operation, { updates }: StoredData): unknown {
  const record = decodeRecord(job.returnvalue) ?? decodeRecord(settledRecord(job.progress));
  if (!isCompleted(job)) {
    return job.returnvalue;
  }
  if (record === undefined) {
    const end = endOf({ returnvalue: job.returnvalue });
    return { ...('failedReason' in end && decodeFailure(end.failedReason)), returned: job.returnvalue };
  }
  const outcomes = updates.map((params, index) => indexedOutcome(job, record, { operation, params, index }));
  const [single] = outcomes;
  return updates.length === 1 && single !== undefined ? single.outcome : summarize(outcomes);
}

interface IndexedOutcome {
  readonly index: number;
  readonly outcome: Outcome;
  readonly requeuedAs: string | undefined;
}

function indexedOutcome(
  { id = '', data, timestamp }: StoredJob,
  record: JobRecord,
  update: { operation: Operation; params: unknown; index: number },
): IndexedOutcome {
  const isOwn = formOfJob(data) !== undefined;
  // Of the data that somebody else wrote it is not known how their text stood there.
  const place = { ...update, digest: isOwn ? digestOfJob(storedText(data)) : undefined };
  const { index } = update;
  return {
    index,
    outcome: outcomeAt({ record }, place),
    requeuedAs: isRequeuedAt({ record }, place) ? requeuedJobId(id, index, isOwn ? undefined : timestamp) : undefined,
  };
}

/** How many came to what, then those that took no effect, then a few that did. */
function summarize(outcomes: readonly IndexedOutcome[]): unknown {
  const applied = outcomes.filter(({ outcome }) => outcome.status === 'applied');
  const notApplied = outcomes.filter(({ outcome }) => outcome.status !== 'applied');
  const duplicates = outcomes.filter(({ outcome }) => 'duplicate' in outcome).length;
  const count = (status: Outcome['status']) => outcomes.filter(({ outcome }) => outcome.status === status).length;
  return {
    updates: outcomes.length,
    applied: applied.length,
    rejected: count('rejected'),
    conflict: count('conflict'),
    cancelled: count('cancelled'),
    failed: count('failed'),
    unknown: count('unknown'),
    ...(duplicates > 0 && { duplicates }),
    ...(notApplied.length > 0 && { notApplied: linesOf(notApplied, SHOWN_NOT_APPLIED) }),
    ...(notApplied.length > SHOWN_NOT_APPLIED && { notAppliedNotShown: notApplied.length - SHOWN_NOT_APPLIED }),
    first: linesOf(applied, SHOWN_UPDATES),
  };
}

function linesOf(outcomes: readonly IndexedOutcome[], limit: number): Record<number, string> {
  return Object.fromEntries(outcomes.slice(0, limit).map((it) => [it.index, describeOutcome(it)]));
}

function describeOutcome({ outcome, requeuedAs }: IndexedOutcome): string {
  const words = shorten(outcomeWords(outcome));
  return requeuedAs === undefined ? words : `${words}; put back as job ${requeuedAs}`;
}

function shorten(text: string): string {
  return text.length <= LONGEST_LINE ? text : `${text.slice(0, LONGEST_LINE - 1)}…`;
}
