import express, { Router } from 'express';
import type { Request, Response } from 'express';
import pLimit from 'p-limit';
import { z } from 'zod';
import { jobKey } from '../../src/bullmq/queue-keys.js';
import { parseStored, readStoredJob } from '../../src/bullmq/stored-job.js';
import { withoutForm } from '../../src/jobs/form.js';
import {
  countOf,
  keptWords,
  planRemoval,
  removable,
  removeFailures,
  retryFailures,
} from '../../src/producers/failures/change-failures.js';
import type { FailedJob } from '../../src/producers/failures/failed-job.js';
import { failureFilterShape } from '../../src/producers/failures/failure-filter.js';
import type { FailureFilter } from '../../src/producers/failures/failure-filter.js';
import { groupFailures } from '../../src/producers/failures/group-failures.js';
import type { FailureQuestion, FailureSource } from '../../src/producers/failures/read-failures.js';
import { toMs } from '../../src/redis/server-time.js';
import { html } from '../../src/web/html.js';
import { requireOperator } from '../access/require-role.js';
import { signedInOf } from '../access/signed-in.js';
import type { ChangedJobs } from '../audit/changed-jobs.js';
import { noteChanges } from '../audit/note-changes.js';
import { boardName } from '../board/board-name.js';
import { sendPage } from '../page.js';
import { PAGE_ASSETS } from '../page-script.js';
import { countWords } from '../words.js';
import { failuresContent, removeContent } from './failures-page.js';
import type { ShownFailure } from './latest-table.js';
import { FAILURES_PATH, failuresLink, REMOVE_PATH, RETRY_PATH } from './links.js';
import { distinctIssues } from '../../src/lib/distinct-issues.js';

/** Told of one by one. */
const LATEST = 20;

export interface FailuresPagesDeps extends FailureSource {
  readonly changedJobs: ChangedJobs;
}

/** A field that was left empty is one that is not meant. */
const emptyIsNone = (value: unknown) => (value === '' ? undefined : value);

const filterSchema = z.object({
  reason: z.preprocess(emptyIsNone, failureFilterShape.reason),
  operation: z.preprocess(emptyIsNone, failureFilterShape.operation),
  key: z.preprocess(emptyIsNone, failureFilterShape.key),
  group: z.preprocess(emptyIsNone, failureFilterShape.group),
  queue: z.preprocess(emptyIsNone, z.string().max(100).optional()),
});

const doneShape = z.coerce.number().int().min(0).optional();
const doneSchema = z.object({ retried: doneShape, removed: doneShape, of: doneShape, left: doneShape });

const formSchema = filterSchema.extend({
  untilMs: z.coerce.number().min(0).optional(),
  updates: z.string().max(20).optional(),
});

/** The pages of failed updates. One look through all of them at a time: it keeps the process busy. */
export function failuresPages(deps: FailuresPagesDeps): Router {
  const router = Router({ caseSensitive: true });
  const form = express.urlencoded({ extended: false, limit: '16kb', parameterLimit: 10 });
  const inTurn = pLimit(1);
  router.get(FAILURES_PATH, (request, response) => inTurn(() => showFailures(deps, request, response)));
  router.get(`${FAILURES_PATH}/of-queue`, (request, response) => {
    const queue = typeof request.query['queue'] === 'string' ? request.query['queue'] : '';
    const [name = ''] = queue.split(/-of-\d+:/);
    response.redirect(303, failuresLink(FAILURES_PATH, { queue: name }));
  });
  router.get(REMOVE_PATH, (request, response) =>
    inTurn(() => askBeforeRemoval(deps, request, response, request.query)),
  );
  router.post(RETRY_PATH, form, (request, response) => inTurn(() => retry(deps, request, response)));
  router.post(REMOVE_PATH, form, (request, response) => inTurn(() => remove(deps, request, response)));
  return router;
}

async function showFailures(deps: FailuresPagesDeps, request: Request, response: Response): Promise<void> {
  const filter = filterOf(request.query, response);
  if (filter === undefined) {
    return;
  }
  const user = signedInOf(response);
  const shown = await look(deps, { filter });
  const done = doneWords(doneSchema.safeParse(request.query).data ?? {});
  const content = failuresContent({ filter, ...shown, done, isOperator: user?.role === 'operator' });
  sendPage(response, { title: 'Failures', user, content, assets: PAGE_ASSETS });
}

/** All that is meant by a filter, at this moment. */
async function look(deps: FailuresPagesDeps, question: FailureQuestion) {
  const untilMs = toMs(await deps.redis.time());
  const found = await groupFailures(deps, question, LATEST);
  const latestMs = Math.max(untilMs, ...found.groups.map(({ lastAtMs }) => lastAtMs));
  return { found, untilMs: latestMs, latest: await Promise.all(found.latest.map((job) => withStack(deps, job))) };
}

async function withStack({ redis }: FailuresPagesDeps, job: FailedJob): Promise<ShownFailure> {
  const { partition, queue, jobId } = job;
  const { stacks } = await readStoredJob(redis, jobKey({ prefix: partition.prefix, queue }, jobId), ['stacks']);
  const all = parseStored(stacks);
  const last = Array.isArray(all) ? (all as unknown[]).at(-1) : undefined;
  const stack = typeof last === 'string' ? withoutForm(last) : undefined;
  return { job, boardName: boardName(queue, partition), stack };
}

async function askBeforeRemoval(
  deps: FailuresPagesDeps,
  _request: Request,
  response: Response,
  fields: unknown,
  wrong?: string,
): Promise<void> {
  requireOperator(response);
  const filter = filterOf(fields, response);
  if (filter !== undefined) {
    const { question, kept } = removable({ filter });
    const looked = await look(deps, question);
    const content = removeContent({ filter, ...looked, kept: keptWords(countOf([...kept.values()])) }, wrong);
    const status = wrong === undefined ? 200 : 409;
    const page = { title: 'Remove failed updates', user: signedInOf(response), content, assets: PAGE_ASSETS };
    sendPage(response.status(status), page);
  }
}

async function retry(deps: FailuresPagesDeps, request: Request, response: Response): Promise<void> {
  const filter = filterOf(request.body, response);
  if (filter === undefined) {
    return;
  }
  const { untilMs } = formSchema.safeParse(request.body).data ?? {};
  const done = await noteChanges(deps, response, 'retried', whichOf(filter), (record) =>
    retryFailures(deps, { filter, untilMs }, record),
  );
  const counts = {
    retried: String(done.done.updates),
    of: String(done.matched.updates),
    left: String(done.left.updates),
  };
  response.redirect(303, failuresLink(FAILURES_PATH, filter, counts));
}

async function remove(deps: FailuresPagesDeps, request: Request, response: Response): Promise<void> {
  const filter = filterOf(request.body, response);
  if (filter === undefined) {
    return;
  }
  const { untilMs, updates = '' } = formSchema.safeParse(request.body).data ?? {};
  const { matched, untilMs: until } = await planRemoval(deps, { filter, untilMs });
  if (updates.replaceAll(',', '').trim() !== String(matched.updates)) {
    const wrong = `Nothing was removed: you typed "${updates}", and they are ${matched.updates.toLocaleString('en')}.`;
    await askBeforeRemoval(deps, request, response, request.body, wrong);
    return;
  }
  const done = await noteChanges(deps, response, 'removed', whichOf(filter), (record) =>
    removeFailures(deps, { filter, untilMs: until }, record),
  );
  const counts = {
    removed: String(done.done.updates),
    of: String(done.matched.updates),
    left: String(done.left.updates),
  };
  response.redirect(303, failuresLink(FAILURES_PATH, {}, counts));
}

/** Which are meant, for the audit. */
function whichOf(filter: FailureFilter): string {
  const meant = Object.entries(filter).filter(([, value]) => value !== undefined);
  return `: ${meant.length === 0 ? 'all' : meant.map(([name, value]) => `${name}=${String(value)}`).join(' ')}`;
}

/** @returns undefined when it can't be one, which is said to who asked */
function filterOf(fields: unknown, response: Response): FailureFilter | undefined {
  const parsed = filterSchema.safeParse(fields ?? {});
  if (parsed.success) {
    const { reason, operation, key, group, queue } = parsed.data;
    return { reason, operation, key, group, queue };
  }
  const words = distinctIssues(parsed.error)
    .map(({ path, message }) => `${path.join('.')} ${message}`)
    .join('; ');
  const content = html`<p class="error">${words}</p>
    <p><a href="${FAILURES_PATH}">All failures</a></p>`;
  sendPage(response.status(400), { title: 'Failures', user: signedInOf(response), content });
  return undefined;
}

function doneWords({ retried, removed, of, left }: z.output<typeof doneSchema>): string | undefined {
  const done = retried ?? removed;
  if (done === undefined || of === undefined) {
    return undefined;
  }
  const word = retried === undefined ? 'Removed' : 'Retried';
  const fate = retried === undefined ? 'are left' : 'have failed again by now';
  const still = left === undefined || left === 0 ? '' : ` ${left.toLocaleString('en')} of them ${fate}.`;
  return `${word} ${done.toLocaleString('en')} of ${countWords(of, 'failed update')}.${still}`;
}
