import type { Job } from 'bullmq';
import { z } from 'zod';
import { putBackJobId } from '../src/jobs/job-id.js';
import { settledOutcomes } from '../src/jobs/queues.js';
import type { Cell } from '../src/operations/cell.js';
import type { Operation } from '../src/operations/operation.js';
import { decodeOutcome, isFailure, splitOutcomes } from '../src/operations/outcome.js';
import type { Outcome } from '../src/operations/outcome.js';
import type { Registry } from '../src/operations/registry.js';

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
}

/** The fields of a job that say what it does and how it ended. */
export type StoredJob = Pick<Job<unknown, unknown>, 'id' | 'name' | 'data' | 'returnvalue' | 'progress'>;

const storedData = z.object({
  updates: z.array(z.unknown()).min(1),
  idempotencyKeys: z.record(z.string(), z.string()).default({}),
});

type StoredData = z.output<typeof storedData>;

/**
 * Puts a job into words. What can't be read, such as the data of a job that someone edited or of an operation that
 * the dashboard was not told about, is shown as it is stored: the board has to show such jobs above all.
 */
export function describeJob(job: StoredJob, registry: Registry): ReadableJob {
  const progress = settledOutcomes(job.progress) === undefined ? 0 : 100;
  const stored = { name: job.name, data: job.data, returnvalue: job.returnvalue, progress };
  const operation = registry.find(job.name);
  const parsed = storedData.safeParse(job.data);
  if (operation === undefined || !parsed.success) {
    return stored;
  }
  try {
    return {
      name: describeName(operation, parsed.data),
      data: describeData(operation, parsed.data),
      returnvalue: describeOutcomes(job, operation, parsed.data),
      progress,
    };
  } catch {
    return stored;
  }
}

function describeName(operation: Operation, { updates }: StoredData): string {
  return updates.length === 1
    ? `${operation.name} ${describeParams(operation, updates[0])}`
    : `${operation.name} × ${updates.length}`;
}

/** One update as it would be submitted; a batch as a summary. */
function describeData(operation: Operation, { updates, idempotencyKeys }: StoredData): unknown {
  if (updates.length === 1) {
    const idempotencyKey = idempotencyKeys['0'];
    const update = { operation: operation.name, params: updates[0] };
    return idempotencyKey === undefined ? update : { ...update, idempotencyKey };
  }
  const lines = updates.slice(0, SHOWN_UPDATES).map((params, index) => {
    const idempotencyKey = idempotencyKeys[index];
    const suffix = idempotencyKey === undefined ? '' : `, idempotency key ${idempotencyKey}`;
    return shorten(describeParams(operation, params) + suffix);
  });
  return {
    operation: operation.name,
    updates: updates.length,
    withIdempotencyKey: Object.keys(idempotencyKeys).length,
    first: Object.fromEntries(lines.entries()),
  };
}

/** The cells of an update and its plain params, e.g. `views (by 5)`. */
function describeParams(operation: Operation, params: unknown): string {
  const cells = operation.steps(params).flatMap((step) => step.cells);
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
  if (typeof job.returnvalue !== 'string') {
    return job.returnvalue;
  }
  const outcomes = splitOutcomes(job.returnvalue).map((text, index) => ({
    index,
    outcome: decodeOutcome(text, operation, updates[index]),
    putBackAs: isFailure(text) && updates.length > 1 ? putBackJobId(job.id ?? '', index) : undefined,
  }));
  const [single] = outcomes;
  return updates.length === 1 && single !== undefined ? single.outcome : summarize(outcomes);
}

interface IndexedOutcome {
  readonly index: number;
  readonly outcome: Outcome;
  readonly putBackAs: string | undefined;
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
    failed: count('failed'),
    ...(duplicates > 0 && { duplicates }),
    ...(notApplied.length > 0 && { notApplied: linesOf(notApplied, SHOWN_NOT_APPLIED) }),
    ...(notApplied.length > SHOWN_NOT_APPLIED && { notAppliedNotShown: notApplied.length - SHOWN_NOT_APPLIED }),
    first: linesOf(applied, SHOWN_UPDATES),
  };
}

function linesOf(outcomes: readonly IndexedOutcome[], limit: number): Record<number, string> {
  return Object.fromEntries(outcomes.slice(0, limit).map((it) => [it.index, describeOutcome(it)]));
}

function describeOutcome({ outcome, putBackAs }: IndexedOutcome): string {
  const duplicate = 'duplicate' in outcome ? ' (duplicate)' : '';
  if (outcome.status === 'applied') {
    return shorten(`applied${duplicate} ${JSON.stringify(outcome.result)}`);
  }
  const words = shorten(`${outcome.status}${duplicate} ${outcome.reason}: ${outcome.message}`);
  return putBackAs === undefined ? words : `${words}; put back as job ${putBackAs}`;
}

function shorten(text: string): string {
  return text.length <= LONGEST_LINE ? text : `${text.slice(0, LONGEST_LINE - 1)}…`;
}
