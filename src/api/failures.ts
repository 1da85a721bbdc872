import type { Request, Response } from 'express';
import pLimit from 'p-limit';
import { z } from 'zod';
import { wholeNumber } from '../operations/cell-schema.js';
import { checkUpdate } from '../operations/update.js';
import type { CheckContext } from '../operations/update.js';
import {
  countOf,
  keptWords,
  planRemoval,
  planRetry,
  removeFailures,
  retryFailures,
} from '../producers/failures/change-failures.js';
import type { DoneChange, PlannedChange } from '../producers/failures/change-failures.js';
import { failureFilterShape } from '../producers/failures/failure-filter.js';
import type { FailureFilter } from '../producers/failures/failure-filter.js';
import type { FailedJob } from '../producers/failures/failed-job.js';
import { failedUpdateId, groupFailures } from '../producers/failures/group-failures.js';
import { loggedRecord } from '../producers/failures/change-record.js';
import type { ChangeRecord } from '../producers/failures/change-record.js';
import type { FailureQuestion, FailureSource } from '../producers/failures/read-failures.js';
import { askRedis } from '../redis/ask-redis.js';
import type { Keys } from '../redis/keys.js';
import { NO_SLOT } from '../redis/slots.js';
import { checkQuestion, queryOf, wholeNumberText } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { Problem } from '../web/problems.js';
import { requestIdOf } from '../web/request-log.js';
import { accessOf } from './access/access.js';
import type { Access } from './access/access.js';
import { maySee } from './access/forbidden.js';
import { questionBody } from './json-body.js';
import { unknownEffect } from './unknown-effect.js';

const JSON_TYPE = 'application/json';

/** There may be 100,000 failed jobs to read; each command has a limit of its own. */
const LOOK_TIMEOUT_MS = 60_000;

/** Requests that look through the failed jobs wait for each other, so many at most: each keeps the process busy. */
const MOST_WAITING = 10;

export interface FailuresDeps extends FailureSource {
  readonly keys: Keys;
}

const count = z.object({ updates: z.int().min(0), jobs: z.int().min(0) });

const groupAnswer = z.object({
  id: z.string().meta({ description: 'For the filter `group`, which means the updates of this group and no others.' }),
  status: z.enum(['failed', 'unknown']),
  reason: z.string(),
  message: z.string().meta({ description: 'That of the latest, in words.' }),
  operation: z.string(),
  keyPattern: z.string().optional().meta({
    description: 'What their keys have in common; `*` stands for any text. Absent where the keys can not be told.',
  }),
  foreign: z.boolean().meta({ description: 'Whether a worker that is not of Tally completed their jobs.' }),
  updates: z.int(),
  jobs: z.int(),
  firstAt: z.iso.datetime(),
  lastAt: z.iso.datetime(),
});

const failureAnswer = z.object({
  id: z.string().meta({ description: 'That of the update, or of the first one of its job.' }),
  operation: z.string(),
  params: z.unknown().meta({ description: 'Of the first update of the job.' }),
  status: z.enum(['failed', 'unknown']),
  reason: z.string(),
  message: z.string(),
  foreign: z.boolean(),
  updates: z.int().meta({ description: 'How many updates its job carries.' }),
  at: z.iso.datetime(),
  jobId: z.string(),
});

const listAnswer = z.object({
  ...count.shape,
  groups: z.array(groupAnswer).meta({ description: 'By reason, operation and shape of the key; the largest first.' }),
  latest: z.array(failureAnswer),
  complete: z.boolean().meta({ description: 'Whether all were looked at; otherwise there may be more.' }),
  unreachable: z.array(z.string()).meta({ description: 'What is wrong with Redis masters that were not asked.' }),
});

const until = z.iso.datetime().meta({
  description: 'Of the dry run: what failed later is left as it is.',
});

const changeAnswer = z.object({
  matched: count.meta({ description: 'How many there were.' }),
  kept: count.meta({
    description:
      'How many of `inventory.expire` are not removed, and not among them: they give back what reservations hold.',
  }),
  done: count.optional().meta({ description: 'How many were retried or removed. Absent after a dry run.' }),
  left: count
    .optional()
    .meta({ description: 'How many of these have failed still, or again. Absent after a dry run.' }),
  until,
  unreachable: z.array(z.string()),
});

const listQuery = z.strictObject({
  ...failureFilterShape,
  limit: wholeNumberText(wholeNumber({ min: 0, max: 1_000 }))
    .default(20)
    .meta({
      description: 'How many of the latest to tell of one by one.',
    }),
});

const retryQuestion = z.strictObject({
  ...failureFilterShape,
  dryRun: z.boolean().default(false).meta({ description: 'Only count.' }),
  until: until.optional(),
});

const removeQuestion = retryQuestion.extend({
  updates: wholeNumber({ min: 0 }).optional().meta({
    description:
      'How many updates to remove, as a dry run has counted them: when it is another number, nothing is removed.',
  }),
});

const READ_PROBLEMS = [
  'FORBIDDEN',
  'INVALID_QUERY',
  'BACKPRESSURE',
  'QUEUE_UNAVAILABLE',
  'REDIS_REFUSED',
  'STOPPING',
] as const;

const CHANGE_PROBLEMS = [
  ...READ_PROBLEMS,
  ...(['BAD_REQUEST', 'INVALID_JSON', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'OTHER_SITE'] as const),
] as const;

/** Failed updates: which there are, and what to do with them. */
export function failuresEndpoints(deps: FailuresDeps): Endpoint[] {
  const inTurn = turns();
  return [listFailures(deps, inTurn), retry(deps, inTurn), remove(deps, inTurn)];
}

type InTurn = <Answer>(ask: () => Promise<Answer>) => Promise<Answer>;

function turns(): InTurn {
  const limit = pLimit(1);
  return (ask) => {
    if (limit.pendingCount >= MOST_WAITING) {
      throw new Problem('BACKPRESSURE', 'others are looking through the failed updates: ask again later');
    }
    return limit(ask);
  };
}

function listFailures(deps: FailuresDeps, inTurn: InTurn): Endpoint {
  return {
    method: 'get',
    path: '/v1/failures',
    operationId: 'listFailures',
    summary: 'Failed updates, grouped by reason, operation and the shape of their keys.',
    description:
      'With those whose jobs a worker of another program completed. Counted in updates. An API key is told of those that it may submit.',
    query: listQuery,
    answers: { 200: { description: 'The failures.', schema: listAnswer } },
    problems: READ_PROBLEMS,
    handlers: [
      async (request, response) => {
        const { limit, ...filter } = queryOf(listQuery, request);
        const question = questionOf(deps, response, filter);
        const found = await inTurn(() => ask(deps, groupFailures(deps, question, limit)));
        const { updates, jobs, groups, latest, isWhole, faults } = found;
        response.json({
          updates,
          jobs,
          groups: groups.map(({ isForeign, firstAtMs, lastAtMs, ...group }) => {
            return { ...group, foreign: isForeign, firstAt: iso(firstAtMs), lastAt: iso(lastAtMs) };
          }),
          latest: latest.map(shownFailure),
          complete: isWhole,
          unreachable: faults,
        });
      },
    ],
  };
}

function shownFailure(job: FailedJob) {
  const { operation, updates, status, reason, message, state, endedAtMs, jobId } = job;
  const what = { id: failedUpdateId(job), operation, params: updates[0], status, reason, message };
  return { ...what, foreign: state === 'completed', updates: Math.max(1, updates.length), at: iso(endedAtMs), jobId };
}

function retry(deps: FailuresDeps, inTurn: InTurn): Endpoint {
  return {
    method: 'post',
    path: '/v1/failures/retry',
    operationId: 'retryFailures',
    summary: 'Have failed updates tried again: all that a filter means.',
    description: 'Each takes effect once at most, however often it is retried. Without a filter: all.',
    body: { [JSON_TYPE]: schemaOf(retryQuestion) },
    answers: { 200: { description: 'What was done.', schema: changeAnswer } },
    problems: CHANGE_PROBLEMS,
    handlers: [
      ...questionBody([JSON_TYPE]),
      async (request, response) => {
        requireMayChange(response);
        const { dryRun, until: untilText, ...filter } = checkQuestion(retryQuestion, request.body);
        const question = questionOf(deps, response, filter, untilText);
        response.json(
          await inTurn(() => (dryRun ? planned(deps, planRetry(deps, question)) : retried(deps, question, request))),
        );
      },
    ],
  };
}

function remove(deps: FailuresDeps, inTurn: InTurn): Endpoint {
  return {
    method: 'post',
    path: '/v1/failures/remove',
    operationId: 'removeFailures',
    summary: 'Remove failed updates: all that a filter means.',
    description:
      'They are not applied, and nothing tells of them any more but the log, which has the ids. Those of `inventory.expire` stay. Ask with `dryRun` first, and then with ' +
      'the number that it counted in `updates`, and its `until`.',
    body: { [JSON_TYPE]: schemaOf(removeQuestion) },
    answers: { 200: { description: 'What was done.', schema: changeAnswer } },
    problems: [...CHANGE_PROBLEMS, 'COUNT_DIFFERS'],
    handlers: [
      ...questionBody([JSON_TYPE]),
      async (request, response) => {
        requireMayChange(response);
        const { dryRun, updates, until: untilText, ...filter } = checkQuestion(removeQuestion, request.body);
        const question = questionOf(deps, response, filter, untilText);
        const act = () =>
          dryRun ? planned(deps, planRemoval(deps, question)) : removed(deps, question, updates, request);
        response.json(await inTurn(act));
      },
    ],
  };
}

async function planned(deps: FailuresDeps, planning: Promise<PlannedChange>) {
  return shownChange(await ask(deps, planning));
}

async function retried(deps: FailuresDeps, question: FailureQuestion, request: Request) {
  const record = loggedRecord(deps.logger, 'retried', { requestId: requestIdOf(request) });
  const done = ask(deps, retryFailures(deps, question, record));
  return shownChange(await done.catch(throwUnknownEffect('retried', record)));
}

async function removed(deps: FailuresDeps, question: FailureQuestion, updates: number | undefined, request: Request) {
  const plan = await ask(deps, planRemoval(deps, question));
  if (updates !== plan.matched.updates) {
    const kept = keptWords(plan.kept);
    const wanted = updates === undefined ? '`updates` is missing' : `\`updates\` is ${updates}`;
    throw new Problem(
      'COUNT_DIFFERS',
      `${plan.matched.updates} updates would be removed, but ${wanted}: nothing was; look at them, and name their number` +
        (kept === undefined ? '' : `; ${kept}`),
    );
  }
  const record = loggedRecord(deps.logger, 'removed', { requestId: requestIdOf(request) });
  const done = ask(deps, removeFailures(deps, { ...question, untilMs: plan.untilMs }, record));
  return shownChange(await done.catch(throwUnknownEffect('removed', record)));
}

function shownChange(change: PlannedChange | DoneChange): z.input<typeof changeAnswer> {
  const { matched, kept, untilMs, faults } = change;
  const done = 'done' in change ? { done: change.done, left: change.left } : {};
  return { matched, kept, ...done, until: iso(untilMs), unreachable: [...faults] };
}

/** Of a caller who may not see all updates of a job, none of them is meant. */
function questionOf(
  { registry, keys }: FailuresDeps,
  response: Response,
  filter: FailureFilter,
  untilText?: string,
): FailureQuestion {
  const access = accessOf(response);
  const context: CheckContext = { registry, isReservedKey: keys.isReserved, slotOf: () => NO_SLOT };
  return {
    filter,
    ...(untilText !== undefined && { untilMs: Date.parse(untilText) + 1 }), // it was cut to whole ms
    ...(access !== undefined && { isVisible: (job: FailedJob) => maySeeAll(access, job, context) }),
  };
}

/** Of updates that are not valid, since someone edited their job, nobody can tell whose they are. */
function maySeeAll(access: Access, { operation, updates }: FailedJob, context: CheckContext): boolean {
  try {
    return updates.length > 0 && updates.every((params) => maySee(access, checkUpdate({ operation, params }, context)));
  } catch {
    return false;
  }
}

function requireMayChange(response: Response): void {
  if (accessOf(response)?.readOnly === true) {
    throw new Problem('FORBIDDEN', 'this API key may only read');
  }
}

function ask<Answer>({ redis }: FailuresDeps, looking: Promise<Answer>): Promise<Answer> {
  return askRedis(redis, LOOK_TIMEOUT_MS, looking);
}

/** Says how far it had come. It may go on, when Redis is only slow: the log tells of that too. */
function throwUnknownEffect(change: 'retried' | 'removed', { changed }: ChangeRecord): (error: unknown) => never {
  return (error) => {
    const { updates, jobs } = countOf(changed);
    const soFar = `${updates} updates in ${jobs} jobs were ${change} so far, and the log has the ids of their jobs`;
    throw unknownEffect(error, jobs === 0 ? undefined : soFar);
  };
}

function schemaOf(schema: z.ZodType) {
  const { $schema: _, ...body } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return body;
}

function iso(ms: number): string {
  return new Date(Math.min(ms, 8.64e15)).toISOString();
}
