import type { Request } from 'express';
import { idempotencyKeySchema } from '../operations/idempotency-key.js';
import { keyQuestionSchema } from '../producers/find-by-key.js';
import { NotCancellableError } from '../producers/not-cancellable.js';
import { accessOf, mayUseOperation } from './access/access.js';
import { findVisible, ID, maySeeFound } from './find-visible.js';
import type { UpdatesDeps } from './find-visible.js';
import { revertUpdate } from './revert.js';
import { acceptedAnswer, cancelledAnswer, recordedAnswer, shownOutcome, updateAnswer } from './response-schemas.js';
import { queryOf } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { jsonBody } from './json-body.js';
import { NO_SLOT } from '../redis/slots.js';
import { Problem, problemAt } from '../web/problems.js';
import { MAX_UPDATES } from './admission/admission.js';
import { answerSubmitted, submitAll, submitQuery } from './submit.js';
import type { RequestForm, SubmitDeps } from './submit.js';

const JSON_TYPE = 'application/json';

/** Problems of all requests that submit. */
export const SUBMIT_PROBLEMS = [
  'BAD_REQUEST',
  'INVALID_JSON',
  'FORBIDDEN',
  'OTHER_SITE',
  'IDEMPOTENCY_CONFLICT',
  'IDEMPOTENCY_KEY_REQUIRED',
  'BODY_TOO_LARGE',
  'TOO_MANY_UPDATES',
  'UNSUPPORTED_MEDIA_TYPE',
  'INVALID_UPDATE',
  'INVALID_PARAMS',
  'UNKNOWN_OPERATION',
  'RESERVED_KEY',
  'CROSS_SLOT',
  'DELAY_PAST_WINDOW',
  'INVALID_HEADER',
  'INVALID_QUERY',
  'BACKPRESSURE',
  'QUEUE_UNAVAILABLE',
  'REDIS_REFUSED',
  'STOPPING',
] as const;

const ONE: RequestForm = { placeOf: () => '' };
const MANY: RequestForm = { placeOf: (index) => `[${index}]` };

export function updatesEndpoints(deps: UpdatesDeps): Endpoint[] {
  return [submitUpdates(deps), findByKey(deps), findUpdate(deps), cancelUpdate(deps), revertUpdate(deps)];
}

function submitUpdates(deps: SubmitDeps): Endpoint {
  return {
    method: 'post',
    path: '/v1/updates',
    operationId: 'submitUpdates',
    summary: 'Submit one update, or up to 1,000.',
    description:
      'All are valid or none is accepted. An accepted update takes effect exactly once. With an idempotency key it can ' +
      'be sent again as often as you like: a repeat answers with the first outcome.',
    query: submitQuery,
    parameters: [
      {
        in: 'header',
        name: 'Idempotency-Key',
        description: 'Of a single update, instead of `idempotencyKey` in the body.',
        schema: { type: 'string', minLength: 1, maxLength: 255 },
      },
    ],
    body: {
      [JSON_TYPE]: {
        oneOf: [
          { $ref: '#/components/schemas/Update' },
          { type: 'array', items: { $ref: '#/components/schemas/Update' }, minItems: 1, maxItems: MAX_UPDATES },
        ],
      },
    },
    answers: {
      200: { description: 'With `wait`: what became of them so far.', schema: acceptedAnswer },
      202: { description: 'Redis has them.', schema: acceptedAnswer },
    },
    problems: SUBMIT_PROBLEMS,
    handlers: [
      ...jsonBody(deps.admission, [JSON_TYPE]),
      async (request, response) => {
        const { wait: waitMs } = queryOf(submitQuery, request);
        const updates = updatesOf(request);
        const form = Array.isArray(updates) ? MANY : ONE;
        answerSubmitted(await submitAll(deps, { updates, form, waitMs }, request, response), waitMs, response);
      },
    ],
  };
}

/** The updates that a request holds, not yet checked. */
function updatesOf(request: Request): unknown {
  const body = request.body as unknown;
  const key = idempotencyKeyOf(request);
  if (!Array.isArray(body)) {
    return key === undefined ? body : withKey(body, key);
  }
  if (key !== undefined) {
    const message = 'is for a single update: give each update of an array its own idempotencyKey';
    throw problemAt('INVALID_HEADER', 'Idempotency-Key', message);
  }
  if (body.length === 0) {
    throw problemAt('INVALID_UPDATE', '', 'must hold at least one update');
  }
  if (body.length > MAX_UPDATES) {
    const detail = `the request has ${body.length} updates, ${MAX_UPDATES} are allowed: send several requests`;
    throw new Problem('TOO_MANY_UPDATES', detail);
  }
  return body;
}

function idempotencyKeyOf({ headersDistinct }: Request): string | undefined {
  const [key, second] = headersDistinct['idempotency-key'] ?? [];
  if (key === undefined) {
    return undefined;
  }
  const fault = second === undefined ? faultOfKey(key) : 'must be given once';
  if (fault !== undefined) {
    throw problemAt('INVALID_HEADER', 'Idempotency-Key', fault);
  }
  return key;
}

/** Node reads headers as Latin-1, so other characters than those of ASCII would not be the caller's. */
function faultOfKey(key: string): string | undefined {
  return /^[\x20-\x7e]*$/.test(key)
    ? idempotencyKeySchema.safeParse(key).error?.issues[0]?.message
    : 'must be printable ASCII; other keys fit into idempotencyKey in the body';
}

function withKey(body: unknown, key: string): unknown {
  if (typeof body !== 'object' || body === null) {
    return body; // not an update: the producer says so
  }
  const { idempotencyKey = key } = body as { idempotencyKey?: unknown };
  if (idempotencyKey !== key) {
    throw problemAt('INVALID_HEADER', 'Idempotency-Key', 'differs from idempotencyKey in the body: give one of them');
  }
  return { ...body, idempotencyKey };
}

const keyQuery = keyQuestionSchema.omit({ idempotencyOwner: true }).extend({
  key: keyQuestionSchema.shape.key.meta({
    description:
      'In a Redis Cluster: the first key of the update, of a bucket its own. Elsewhere it makes no difference.',
  }),
});

function findByKey({ producer, registry, keys }: UpdatesDeps): Endpoint {
  const context = { registry, isReservedKey: keys.isReserved, slotOf: () => NO_SLOT };
  return {
    method: 'get',
    path: '/v1/updates',
    operationId: 'findByIdempotencyKey',
    summary: 'What became of the update with an idempotency key.',
    description:
      "From when it was applied or rejected, for as long as keys are remembered. The key is that of the API key's owner. When " +
      'the job is not kept any more, only the status is told.',
    query: keyQuery,
    answers: { 200: { description: 'The update that was the first with this key.', schema: recordedAnswer } },
    problems: [
      'FORBIDDEN',
      'UPDATE_NOT_FOUND',
      'UNKNOWN_OPERATION',
      'INVALID_UPDATE',
      'INVALID_QUERY',
      'QUEUE_UNAVAILABLE',
      'REDIS_REFUSED',
      'STOPPING',
    ],
    handlers: [
      async (request, response) => {
        const question = queryOf(keyQuery, request);
        const access = accessOf(response);
        const { operation } = question;
        if (!mayUseOperation(access, operation)) {
          throw problemAt('FORBIDDEN', 'operation', `${operation} is not an operation that this API key allows`);
        }
        const owner = access?.owner;
        const recorded = await producer.findByKey({
          ...question,
          ...(owner !== undefined && { idempotencyOwner: owner }),
        });
        if (recorded === undefined || (recorded.found !== undefined && !maySeeFound(access, recorded.found, context))) {
          throw new Problem('UPDATE_NOT_FOUND', NOTHING_RECORDED);
        }
        const { id, status, found } = recorded;
        const { attempts, jobId, outcome } = found ?? {};
        response.json({
          id,
          operation,
          ...(outcome === undefined ? { status } : shownOutcome(outcome)),
          attempts,
          jobId,
        });
      },
    ],
  };
}

const NOTHING_RECORDED =
  'nothing is recorded under this key: it was not used, its update waits or failed, or it is forgotten by now';

function findUpdate(deps: UpdatesDeps): Endpoint {
  return {
    method: 'get',
    path: '/v1/updates/{id}',
    operationId: 'findUpdate',
    summary: 'What became of an update.',
    description:
      'Completed updates are kept for a day unless the workers are told otherwise, failed ones for 14 days. One that is older ' +
      'is `OUTCOME_FORGOTTEN`; one that never was, or that the API key may not know of, is `UPDATE_NOT_FOUND`.',
    parameters: [ID],
    answers: { 200: { description: 'The update.', schema: updateAnswer } },
    problems: [
      'BAD_REQUEST',
      'UPDATE_NOT_FOUND',
      'OUTCOME_FORGOTTEN',
      'INVALID_QUERY',
      'QUEUE_UNAVAILABLE',
      'REDIS_REFUSED',
      'STOPPING',
    ],
    handlers: [
      async (request, response) => {
        const { id, operation, outcome, attempts, jobId } = await findVisible(deps, request, response);
        response.json({ id, operation, ...shownOutcome(outcome), attempts, jobId });
      },
    ],
  };
}

function cancelUpdate(deps: UpdatesDeps): Endpoint {
  return {
    method: 'delete',
    path: '/v1/updates/{id}',
    operationId: 'cancelUpdate',
    summary: 'Take an update back that has not begun.',
    description:
      'It was not applied then, and will not be. One that a worker has begun with, that has ended, or that shares its job ' +
      'with others is `NOT_CANCELLABLE`: those with `delayMs`, `runAt` or `priority` share none. Its idempotency key is used ' +
      'up. To cancel again what is cancelled changes nothing.',
    parameters: [ID],
    answers: { 200: { description: 'It is cancelled.', schema: cancelledAnswer } },
    problems: [
      'BAD_REQUEST',
      'FORBIDDEN',
      'OTHER_SITE',
      'UPDATE_NOT_FOUND',
      'OUTCOME_FORGOTTEN',
      'NOT_CANCELLABLE',
      'INVALID_QUERY',
      'QUEUE_UNAVAILABLE',
      'REDIS_REFUSED',
      'STOPPING',
    ],
    handlers: [
      async (request, response) => {
        if (accessOf(response)?.readOnly === true) {
          throw new Problem('FORBIDDEN', 'this API key may only read');
        }
        const { id } = await findVisible(deps, request, response);
        try {
          await deps.producer.cancel(id);
        } catch (error) {
          throw error instanceof NotCancellableError ? notCancellable(error) : error;
        }
        response.json({ status: 'cancelled' });
      },
    ],
  };
}

function notCancellable({ message, outcome }: NotCancellableError): Problem {
  return new Problem('NOT_CANCELLABLE', message, { outcome: outcome && shownOutcome(outcome) });
}
