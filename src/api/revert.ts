import type { Request, Response } from 'express';
import { NotRevertibleError } from '../producers/not-revertible.js';
import type { RevertOptions } from '../producers/revert.js';
import type { Submission } from '../producers/submission.js';
import { queryOf } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { Problem } from '../web/problems.js';
import { noteJobs, traceOf } from '../web/request-log.js';
import { accessOf } from './access/access.js';
import type { Access } from './access/access.js';
import { refuseForbidden } from './access/forbidden.js';
import { admit, placeOf } from './admission/admission.js';
import { findVisible, ID } from './find-visible.js';
import type { UpdatesDeps } from './find-visible.js';
import { acceptedAnswer, shownOutcome } from './response-schemas.js';
import { answerOutcomes, submitQuery } from './submit.js';

/** Takes an applied update back. */
export function revertUpdate(deps: UpdatesDeps): Endpoint {
  return {
    method: 'post',
    path: '/v1/updates/{id}/revert',
    operationId: 'revertUpdate',
    summary: 'Take back what an applied update did.',
    description:
      'By an update that is its exact inverse, once, however often it is asked for: the answer is as of `POST /v1/updates`, and ' +
      'a repeat answers with the first inverse. One that has no inverse, was not applied, or was sent more than 7 days ago is ' +
      '`NOT_REVERTIBLE`. The API key must allow the update and its inverse.',
    query: submitQuery,
    parameters: [ID],
    answers: {
      200: { description: 'With `wait`: what became of the inverse so far.', schema: acceptedAnswer },
      202: { description: 'Redis has the inverse.', schema: acceptedAnswer },
    },
    problems: [
      'BAD_REQUEST',
      'FORBIDDEN',
      'OTHER_SITE',
      'UPDATE_NOT_FOUND',
      'NOT_REVERTIBLE',
      'INVALID_QUERY',
      'BACKPRESSURE',
      'QUEUE_UNAVAILABLE',
      'REDIS_REFUSED',
      'STOPPING',
    ],
    handlers: [
      admit(deps.admission),
      async (request, response) => {
        const { wait: waitMs } = queryOf(submitQuery, request);
        const submission = await placeOf(response).submit(1, () => revert(deps, request, response));
        noteJobs(response, [submission]);
        await answerOutcomes([submission], waitMs, deps, response);
      },
    ],
  };
}

async function revert(deps: UpdatesDeps, request: Request, response: Response): Promise<Submission> {
  const access = accessOf(response);
  if (access?.readOnly === true) {
    throw new Problem('FORBIDDEN', 'this API key may only read');
  }
  const { id } = await findVisible(deps, request, response, 'NOT_REVERTIBLE');
  return deps.producer.revert(id, { trace: traceOf(request), ...authorized(access) }).catch(inWordsOfApi);
}

function authorized(access: Access | undefined): RevertOptions {
  return access === undefined
    ? {}
    : {
        authorize: (updates) => {
          refuseForbidden(access, updates, (_, path) => `inverse.${path}`);
        },
      };
}

function inWordsOfApi(error: unknown): never {
  throw error instanceof NotRevertibleError
    ? new Problem('NOT_REVERTIBLE', error.message, { outcome: error.outcome && shownOutcome(error.outcome) })
    : error;
}
