import { z } from 'zod';
import { ConfigurationError } from '../src/errors.js';
import { inWords } from '../src/lib/schema-words.js';
import { openStore } from '../src/layout/store.js';
import { createRegistry } from '../src/operations/registry.js';
import {
  countOf,
  keptWords,
  planRemoval,
  planRetry,
  removeFailures,
  retryFailures,
} from '../src/producers/failures/change-failures.js';
import type { DoneChange, PlannedChange } from '../src/producers/failures/change-failures.js';
import { failureFilterShape } from '../src/producers/failures/failure-filter.js';
import type { FailureFilter } from '../src/producers/failures/failure-filter.js';
import { failedUpdateId, groupFailures } from '../src/producers/failures/group-failures.js';
import type { FailureGroup } from '../src/producers/failures/group-failures.js';
import { changedLine, ChangeRecord } from '../src/producers/failures/change-record.js';
import type { FailureSource } from '../src/producers/failures/read-failures.js';
import { connectionOptions, createContext, findRedis } from './context.js';
import { wholeNumber } from './whole-number.js';

interface FilterFlags {
  readonly reason?: string;
  readonly operation?: string;
  readonly key?: string;
  readonly group?: string;
  readonly json?: true;
}

export interface ListFailuresFlags extends FilterFlags {
  readonly limit?: string;
}

export interface ChangeFailuresFlags extends FilterFlags {
  readonly dryRun?: true;
  readonly confirm?: string;
}

const TIMEOUT_MS = 20_000;
const MOST_LISTED = 1_000;

const filterSchema = z.object(failureFilterShape);

/** `tally failures list`: prints failed updates in groups, and the latest of them one by one. */
export async function listFailures({ limit, ...flags }: ListFailuresFlags): Promise<void> {
  const latest = limit === undefined ? 0 : wholeNumber('--limit', limit, { max: MOST_LISTED });
  const filter = filterOf(flags);
  const found = await withFailures((source) => groupFailures(source, { filter }, latest));
  const { updates, jobs, groups, isWhole, faults } = found;
  const each = found.latest.map((job) => ({ id: failedUpdateId(job), ...job, at: iso(job.endedAtMs) }));
  if (flags.json) {
    const shown = each.map(({ id, operation, updates: params, status, reason, message, at, jobId }) => {
      return { id, operation, params: params[0], status, reason, message, at, jobId };
    });
    console.log(JSON.stringify({ updates, jobs, groups: groups.map(shownGroup), latest: shown, complete: isWhole }));
  } else {
    for (const group of groups) {
      console.log(lineOf(group));
    }
    for (const { id, at, operation, status, reason, message } of each) {
      console.log(`${at}  ${id}  ${operation}  ${status} ${reason}: ${message}`);
    }
  }
  console.error(
    `${updates} failed updates in ${jobs} jobs${isWhole ? '' : ', of those that were looked at: there may be more'}.`,
  );
  warnOf(faults);
}

/** `tally failures retry`: has all that a filter means tried again. */
export async function retryFailed(flags: ChangeFailuresFlags): Promise<void> {
  const filter = filterOf(flags);
  const isDry = flags.dryRun === true;
  const change = await withFailures((source) =>
    isDry
      ? planRetry(source, { filter })
      : recorded('retried', flags, (record) => retryFailures(source, { filter }, record)),
  );
  report(change, 'retried', flags);
}

/** `tally failures remove`: removes all that a filter means, when the number of updates is the one that is expected. */
export async function removeFailed(flags: ChangeFailuresFlags): Promise<void> {
  const filter = filterOf(flags);
  const confirmed = flags.confirm === undefined ? undefined : wholeNumber('--confirm', flags.confirm);
  const isDry = flags.dryRun === true;
  const change = await withFailures(async (source) => {
    const planned = await planRemoval(source, { filter });
    if (isDry) {
      return planned;
    }
    if (confirmed !== planned.matched.updates) {
      const { updates, jobs } = planned.matched;
      const kept = keptWords(planned.kept);
      throw new ConfigurationError(
        `${updates} updates in ${jobs} jobs would be removed, and never be applied: look at them with tally failures list, ` +
          `then say so with --confirm ${updates}; nothing was removed` +
          (kept === undefined ? '' : `; ${kept}`),
      );
    }
    const question = { filter, untilMs: planned.untilMs };
    return recorded('removed', flags, (record) => removeFailures(source, question, record));
  });
  report(change, 'removed', flags);
}

async function withFailures<Answer>(ask: (source: FailureSource) => Promise<Answer>): Promise<Answer> {
  const context = createContext(process.stderr);
  const options = { connectionName: 'tally-failures', timeoutMs: TIMEOUT_MS };
  const store = openStore({ ...connectionOptions(context, findRedis(context)), ...options });
  try {
    return await ask({ ...store, registry: createRegistry(context.operations) });
  } finally {
    store.close();
  }
}

/** What is changed goes to stdout at once, a job a line: of what was removed nothing else tells. */
async function recorded(
  word: 'retried' | 'removed',
  { json }: ChangeFailuresFlags,
  act: (record: ChangeRecord) => Promise<DoneChange>,
): Promise<DoneChange> {
  const record = new ChangeRecord((jobs, isSure) => {
    for (const line of jobs.map(changedLine)) {
      if (!isSure) {
        console.error(`perhaps ${word}: ${line}`);
      } else if (!json) {
        console.log(line);
      }
    }
  });
  try {
    return await act(record);
  } catch (error) {
    const { changed } = record;
    const done = countOf(changed);
    if (json && done.jobs > 0) {
      console.log(JSON.stringify({ done, changed }));
    }
    console.error(`${word} ${done.updates} updates in ${done.jobs} jobs before it failed.`);
    throw error;
  }
}

function report(change: PlannedChange | DoneChange, word: 'retried' | 'removed', { json }: ChangeFailuresFlags): void {
  const { matched, faults } = change;
  if (json) {
    const { untilMs, ...rest } = change;
    console.log(JSON.stringify({ ...rest, until: iso(untilMs) }));
  }
  if ('done' in change) {
    const { done, left } = change;
    console.error(
      `${word} ${done.updates} of ${matched.updates} failed updates, in ${done.jobs} jobs; ` +
        (word === 'retried' ? `${left.updates} of them have failed again by now.` : `${left.updates} are left.`),
    );
  } else {
    console.error(`${matched.updates} failed updates in ${matched.jobs} jobs would be ${word}.`);
  }
  const kept = keptWords(change.kept);
  if (kept !== undefined) {
    console.error(`${kept}.`);
  }
  warnOf(faults);
  process.exitCode = ('done' in change && change.done.jobs < matched.jobs) || faults.length > 0 ? 1 : 0;
}

function warnOf(faults: readonly string[]): void {
  for (const fault of faults) {
    console.error(`tally: not looked at: ${fault}`);
  }
}

function filterOf({ reason, operation, key, group }: FilterFlags): FailureFilter {
  const parsed = filterSchema.safeParse({ reason, operation, key, group }, { error: inWords });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ConfigurationError(`--${String(issue?.path[0])} ${issue?.message ?? ''}`);
  }
  return parsed.data;
}

function shownGroup({ isForeign, firstAtMs, lastAtMs, ...group }: FailureGroup) {
  return { ...group, foreign: isForeign, firstAt: iso(firstAtMs), lastAt: iso(lastAtMs) };
}

function lineOf({
  updates,
  status,
  reason,
  operation,
  keyPattern,
  firstAtMs,
  lastAtMs,
  message,
}: FailureGroup): string {
  const key = keyPattern === undefined ? 'keys that can not be told' : JSON.stringify(keyPattern);
  return `${updates}  ${status} ${reason}  ${operation}  ${key}  ${iso(firstAtMs)} to ${iso(lastAtMs)}  ${message}`;
}

function iso(ms: number): string {
  return new Date(Math.min(ms, 8.64e15)).toISOString();
}
